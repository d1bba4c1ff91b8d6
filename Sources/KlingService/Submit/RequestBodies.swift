import GenerationTasks

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Keeps the bodies of creates until their outcome is definite: small ones in memory, those with an inline image in
/// files, so that memory does not grow with images that wait.
struct RequestBodies {
    private static let inMemoryLimit = 64 << 10

    private enum Body {
        case memory([UInt8])
        case file(String)
    }

    private let directory: String
    private var bodies: [TaskID: Body] = [:]

    init(directory: String) {
        self.directory = directory
    }

    mutating func keep(_ body: [UInt8], for id: TaskID) throws(TaskError) {
        guard body.count > Self.inMemoryLimit else {
            bodies[id] = .memory(body)
            return
        }
        let path = "\(directory)/\(id).request"
        guard let file = SpoolFile(path: path), file.write(body), file.close() else {
            unlink(path)
            throw TaskError(
                .storageFull,
                "the image could not be kept in \(directory) until it is sent: \(String(cString: strerror(errno)))",
                retryable: true
            )
        }
        bodies[id] = .file(path)
    }

    /// The body; `nil` when it is gone.
    func body(of id: TaskID) -> [UInt8]? {
        switch bodies[id] {
        case nil: return nil
        case .memory(let body)?: return body
        case .file(let path)?: return SpoolFile.read(path)
        }
    }

    mutating func drop(_ id: TaskID) {
        if case .file(let path)? = bodies.removeValue(forKey: id) { unlink(path) }
    }
}
