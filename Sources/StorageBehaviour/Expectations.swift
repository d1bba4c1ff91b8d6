import Storage
import SystemPackage

/// What a case expects to find.
extension Trial {
    /// The object is not there, and not listed.
    func expectAbsent(_ key: ObjectKey, _ when: String) async throws(CaseEnd) {
        if case .present(let object) = try await head(key) {
            throw .failed("\(when), head says that \(key) is there with \(object.size) bytes")
        }
    }

    /// The object is there with the right size and, as far as the storage lets anybody see, the right bytes.
    func expectPresent(_ key: ObjectKey, _ content: Content, _ when: String) async throws(CaseEnd) {
        guard case .present(let object) = try await head(key) else {
            throw .failed("\(when), head says that \(key) is absent")
        }
        try await expect(object, toBe: [content], key, when)
    }

    /// The object is there with exactly one of the contents, which is returned.
    @discardableResult
    func expectPresent(_ key: ObjectKey, oneOf contents: [Content], _ when: String) async throws(CaseEnd) -> Content {
        guard case .present(let object) = try await head(key) else {
            throw .failed("\(when), head says that \(key) is absent")
        }
        return try await expect(object, toBe: contents, key, when)
    }

    /// The object is absent, or there with all of its bytes; and a listing says nothing else.
    func expectWholeOrAbsent(_ key: ObjectKey, _ content: Content, _ when: String) async throws(CaseEnd) {
        let listed = try await listed(key.description).first { $0.key == key }
        if let listed, listed.size != content.size {
            throw .failed("\(when), \(key) is listed with \(listed.size) of \(content.size) bytes")
        }
        if case .present(let object) = try await head(key) {
            try await expect(object, toBe: [content], key, when)
        }
    }

    @discardableResult
    private func expect(
        _ object: ObjectSummary,
        toBe contents: [Content],
        _ key: ObjectKey,
        _ when: String
    ) async throws(CaseEnd) -> Content {
        guard contents.contains(where: { $0.size == object.size }) else {
            let sizes = Set(contents.map(\.size)).sorted().map(String.init).joined(separator: " or ")
            throw .failed("\(when), head says that \(key) has \(object.size) bytes instead of \(sizes)")
        }
        let sha256: String
        if let read = try await readBack(key, when) {
            guard read.size == object.size else {
                throw .failed("\(when), \(key) reads as \(read.size) bytes and not the \(object.size) that head tells")
            }
            sha256 = read.sha256
        } else if backend.capabilities.sha256, let told = object.sha256 {
            sha256 = told
        } else {
            return contents.first { $0.size == object.size } ?? contents[0]
        }
        guard let content = contents.first(where: { $0.size == object.size && $0.sha256 == sha256 }) else {
            throw .failed("\(when), the \(object.size) bytes of \(key) are not those that were put")
        }
        return content
    }

    /// By `get`, or by the path where the object is a local file; `nil` when there is neither.
    private func readBack(_ key: ObjectKey, _ when: String) async throws(CaseEnd) -> (size: Int64, sha256: String)? {
        if backend.capabilities.get {
            let path = newPath()
            defer { WorkFolder.remove(path) }
            guard case .present = try await get(key, to: path) else {
                throw .failed("\(when), get says that \(key) is absent although head says that it is there")
            }
            return try measure(path, of: key)
        }
        guard let path = path(of: key) else { return nil }
        return try measure(FilePath(path), of: key)
    }

    func get(_ key: ObjectKey, to path: FilePath) async throws(CaseEnd) -> ObjectState {
        do { return try await backend.get(key, to: path) } catch { throw .failed("get of \(key) failed: \(error)") }
    }

    func measure(_ path: FilePath, of key: ObjectKey) throws(CaseEnd) -> (size: Int64, sha256: String) {
        do {
            return try Content.measure(path)
        } catch {
            throw .failed("the file \(path) with the content of \(key) can't be read (\(error))")
        }
    }
}
