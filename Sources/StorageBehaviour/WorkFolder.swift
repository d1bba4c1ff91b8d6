import Synchronization
import SystemPackage

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A private local folder for the files of one run.
final class WorkFolder: Sendable {
    let path: FilePath
    private let count = Mutex(0)

    init(in parent: FilePath) throws(Errno) {
        path = parent.appending("klingd-behaviour-\(String(UInt64.random(in: .min ... .max), radix: 16))")
        guard path.withPlatformString({ mkdir($0, 0o700) }) == 0 else { throw Errno(rawValue: errno) }
    }

    /// Removes the folder with the files in it.
    func remove() {
        let made = count.withLock { $0 }
        for number in 0..<made { Self.remove(path.appending("\(number)")) }
        _ = path.withPlatformString { rmdir($0) }
    }

    /// A path in the folder at which nothing lies.
    func newPath() -> FilePath {
        count.withLock { count in
            defer { count += 1 }
            return path.appending("\(count)")
        }
    }

    static func remove(_ file: FilePath) {
        _ = file.withPlatformString { unlink($0) }
    }

    static func exists(_ file: FilePath) -> Bool {
        file.withPlatformString { access($0, F_OK) } == 0
    }
}
