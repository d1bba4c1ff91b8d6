import JSON
import SystemPackage

/// Reads a picture of the user's from a file.
enum LocalImageFile {
    /// The path that a `file:` URL names (RFC 8089); `nil` when it is relative or names another machine.
    static func path(ofFileURL text: String) -> String? {
        var rest = text.dropFirst("file:".count)
        if rest.hasPrefix("//") {
            rest = rest.dropFirst(2)
            let host = rest.prefix { $0 != "/" }
            guard host.isEmpty || host.lowercased() == "localhost" else { return nil }
            rest = rest.dropFirst(host.count)
        }
        guard rest.hasPrefix("/") else { return nil }
        return PercentEncoding.decode(rest)
    }

    /// The file's content, at most one byte more than the provider takes.
    static func read(_ path: String, at pointer: JSONPointer) throws(RequestError) -> [UInt8] {
        guard !path.utf8.contains(0) else {
            throw RequestError(.invalidParams, "'image' is a path with a NUL in it", at: pointer)
        }
        do {
            // Without O_NONBLOCK, opening a named pipe would wait for somebody to write into it.
            let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.nonBlocking, .closeOnExec])
            return try file.closeAfter {
                guard try file.stat().type == .regular else {
                    throw RequestError(.imageUnavailable, "'\(path.excerpt)' is not a regular file", at: pointer)
                }
                return try content(of: file)
            }
        } catch let error as RequestError {
            throw error
        } catch {
            throw RequestError(
                .imageUnavailable,
                "the image file '\(path.excerpt)' was not read: \(error)",
                at: pointer
            )
        }
    }

    private static func content(of file: FileDescriptor) throws -> [UInt8] {
        let limit = LimitsProfile.imageBytes + 1
        let size = Int(try file.stat().size)
        return try [UInt8](unsafeUninitializedCapacity: min(max(size, 0), limit)) { buffer, count in
            while count < buffer.count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[count...])
                let got = try file.read(into: rest)
                guard got > 0 else { return }
                count += got
            }
        }
    }
}
