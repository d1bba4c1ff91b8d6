import GenerationTasks

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What is to be sent for a task, when it is too large for the database: pictures in Base64 have megabytes.
struct RequestFiles: Sendable {
    /// A request of so many bytes lies in the database still.
    static let largestInline = 64 << 10

    let folder: String

    private func path(of id: TaskID) -> String { folder + "/" + id.description }

    /// Durable once it returns. To be called before the task is stored, so that no task is without its request.
    func write(_ body: [UInt8], of id: TaskID) throws(LedgerError) {
        guard Files.store(body, at: path(of: id)) else {
            let reason = Files.reason("cannot be written", path(of: id))
            remove(id)
            throw .failed("\(reason); nothing was stored")
        }
        Files.sync(folder)
    }

    /// `nil` when there is no such file.
    func read(_ id: TaskID) throws(LedgerError) -> [UInt8]? {
        if let body = Files.content(of: path(of: id)) { return body }
        guard errno == ENOENT else { throw .failed(Files.reason("cannot be read", path(of: id))) }
        return nil
    }

    func remove(_ id: TaskID) { unlink(path(of: id)) }

    /// The tasks that have a file which was written before.
    func written(before date: Timestamp) -> [TaskID] {
        Files.names(in: folder).compactMap { name in
            guard let id = TaskID(name), let status = Files.status(folder + "/" + name) else { return nil }
            return Files.modified(status) * 1000 < date.milliseconds ? id : nil
        }
    }
}
