import FilesystemStorage
import Foundation
import Storage
import SystemPackage
import Testing

/// What the file system does wrong, or does in the middle of which the process is killed.
///
/// The put runs in a process of its own, this test binary under strace(1), which makes single system calls fail or
/// kill the process at them, and writes down their order.
@Suite(.enabled(if: TracedPut.isPossible, "needs strace and a kernel that lets it trace"), .serialized)
struct FaultTests {
    private static let size = 600_000
    private let fixture: Fixture

    init() async throws {
        fixture = try Fixture()
        try await fixture.storage.prepare()
    }

    @Test("A copy is written, made durable and closed before its name appears, and the name durable before success")
    func copiesInOrder() throws {
        let trace = try TracedPut(fixture.request("day/a.png", bytes(Self.size)), in: fixture)
        #expect(trace.outcome == "stored")
        #expect(
            trace.steps == [
                "mkdirat day", "fsync root",
                "openat .part", "fallocate .part", "write .part", "fchmod .part", "fsync .part", "close .part",
                "linkat a.png", "unlinkat .part", "fsync day",
            ]
        )
    }

    @Test("A taken file is durable before its name appears, and leaves the spool only when the name is durable")
    func takesInOrder() throws {
        let trace = try TracedPut(fixture.spooledRequest("day/a.png", bytes(Self.size)), in: fixture)
        #expect(trace.outcome == "stored")
        #expect(
            trace.steps == [
                "mkdirat day", "fsync root",
                "openat source", "fchmod source", "fsync source", "close source",
                "linkat a.png", "fsync day", "unlinkat source",
            ]
        )
    }

    @Test(
        "Killed before any step, a put leaves nothing or the whole under the key, and the next put completes it",
        arguments: ["mkdirat:1", "fsync:1", "fallocate:1", "fchmod:1", "fsync:2", "linkat:1", "unlinkat:1", "fsync:3"],
        [false, true]
    )
    func survivesKill(step: String, isSpooled: Bool) async throws {
        let content = bytes(Self.size)
        let request =
            try isSpooled
            ? fixture.spooledRequest("day/a.png", content) : fixture.request("day/a.png", content)
        let parts = step.split(separator: ":")
        let trace = try TracedPut(request, in: fixture, fault: "\(parts[0]):signal=SIGKILL:when=\(parts[1])")
        if trace.outcome == nil {
            let found = fixture.content("day/a.png")
            #expect(found == nil || found == content)
        } else {
            #expect(isSpooled && step == "fallocate:1", "the process was not killed at \(step)")
        }
        let next = try FilesystemStorage(url: fixture.storage.url, options: .roomy)
        try await next.prepare()
        try await next.put(request)
        #expect(fixture.content("day/a.png") == content)
        let listed = try await next.list(prefix: "", after: nil, limit: 10).objects
        #expect(listed == [ObjectSummary(key: request.key, size: Int64(Self.size))])
        if isSpooled { #expect(!FileManager.default.fileExists(atPath: request.source.string)) }
    }

    @Test(
        "When a call fails for good, nothing is left but the source, and the error says what to do",
        arguments: [
            ("fallocate:error=ENOSPC", StorageErrorKind.full), ("fallocate:error=EDQUOT", .full),
            ("fallocate:error=EIO", .unavailable),
            ("fsync:error=EIO", .unavailable), ("fsync:error=ENOSPC", .full), ("fchmod:error=EROFS", .denied),
            ("linkat:error=EACCES", .denied), ("linkat:error=EIO", .unavailable), ("linkat:error=ENOSPC", .full),
        ]
    )
    func reportsFailure(fault: String, kind: StorageErrorKind) async throws {
        let request = try fixture.request("a.png", bytes(Self.size))
        let trace = try TracedPut(request, in: fixture, fault: fault)
        #expect(trace.outcome == kind.rawValue)
        #expect(try fixture.files() == [])
        #expect(try await !fixture.storage.put(request).wasThere)
        #expect(fixture.content("a.png") == bytes(Self.size))
    }

    @Test("A spooled file whose write-back failed is never trusted again: it is copied, now or later")
    func distrustsFailedWriteBack() async throws {
        let request = try fixture.spooledRequest("a.png", bytes(Self.size))
        let spooled = try inode(request.source.string)
        let failing = try TracedPut(request, in: fixture, fault: "fsync:error=EIO")
        #expect(failing.outcome == "storage_unavailable")
        #expect(try fixture.files() == [".klingd-spool/\(request.source.lastComponent?.string ?? "")"])
        try await fixture.storage.put(request)
        #expect(try inode(fixture.path("a.png")) != spooled)

        let other = try fixture.spooledRequest("b.png", bytes(Self.size))
        let otherSpooled = try inode(other.source.string)
        #expect(try TracedPut(other, in: fixture, fault: "fsync:error=EIO:when=1").outcome == "stored")
        #expect(try inode(fixture.path("b.png")) != otherSpooled)
        #expect(try fixture.files() == ["a.png", "b.png"])
    }

    @Test("Where there are no hard links, files are moved into place, and other content is kept all the same")
    func worksWithoutLinks() async throws {
        for (index, isSpooled) in [false, true].enumerated() {
            let key = "\(index).png"
            let request =
                try isSpooled ? fixture.spooledRequest(key, bytes(Self.size)) : fixture.request(key, bytes(Self.size))
            #expect(try TracedPut(request, in: fixture, fault: "linkat:error=EPERM").outcome == "stored")
            #expect(fixture.content(key) == bytes(Self.size))
            let other = try fixture.request(key, bytes(Self.size, seed: 2))
            #expect(try TracedPut(other, in: fixture, fault: "linkat:error=EPERM").outcome == "conflict")
            #expect(fixture.content(key) == bytes(Self.size))
        }
        #expect(try fixture.files() == ["0.png", "1.png"])
    }

    @Test("A spooled file that lies on another file system than its folder is copied")
    func copiesAcrossFileSystems() async throws {
        let request = try fixture.spooledRequest("a.png", bytes(Self.size))
        #expect(try TracedPut(request, in: fixture, fault: "linkat:error=EXDEV:when=1").outcome == "stored")
        #expect(fixture.content("a.png") == bytes(Self.size))
        #expect(try fixture.files() == ["a.png"])
    }
}
