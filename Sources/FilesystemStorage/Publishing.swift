import Storage
import SystemPackage

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The life of a put: check, take or copy, make durable, publish under the final name, make the name durable.
extension ObjectTree {
    /// True when the same content was there before.
    func put(_ request: PutRequest) throws(StorageError) -> Bool {
        let (folder, name) = try madeFolder(of: request.key)
        let isNew = try publishContent(of: request, in: folder, name)
        // The spool's name goes last: until the new one is durable, it is the only one that surely survives.
        try attempt("make durable", request.key) { () throws(Errno) in try folder.synchronise() }
        if let (spool, spoolName) = spooled(request) {
            try attempt("clear the spool of", request.key) { () throws(Errno) in try spool.remove(spoolName) }
        }
        return !isNew
    }

    private func publishContent(
        of request: PutRequest,
        in folder: Directory,
        _ name: String
    ) throws(StorageError) -> Bool {
        if try status(of: name, in: folder, request.key) != nil, try isSettled(request, in: folder, name) {
            return false
        }
        if let (spool, spoolName) = spooled(request),
            let isNew = try take(spoolName, from: spool, to: folder, name, request)
        {
            return isNew
        }
        return try copy(to: folder, name, request)
    }

    /// Whether what lies under the name already is what is to be stored. Other content is an error when it is kept.
    private func isSettled(_ request: PutRequest, in folder: Directory, _ name: String) throws(StorageError) -> Bool {
        let isSame = try attempt("compare with", request.key) { () throws(Errno) in
            let file = try folder.file(name)
            let status = try file.status()
            guard status.kind == .file, status.size == request.size else { return false }
            let content = try file.read(upTo: request.size, failure: { $0 }, { _ throws(Errno) in })
            guard content.sha256 == request.sha256 else { return false }
            // Whoever wrote it may have been killed before it was durable.
            try file.synchronise()
            return true
        }
        guard isSame || options.collision == .overwrite else {
            throw StorageError(
                .conflict,
                "other content lies at \(place(of: request.key)) already and is kept: move it away",
                key: request.key
            )
        }
        return isSame
    }

    /// The source as a name in our own spool folder, when it lies there and may be taken.
    private func spooled(_ request: PutRequest) -> (spool: Directory, name: String)? {
        guard request.mayTakeSource, let name = request.source.lastComponent?.string,
            request.source.removingLastComponent() == path.appending(FilesystemStorage.spoolName),
            let spool = try? root.directory(FilesystemStorage.spoolName)
        else { return nil }
        return (spool, name)
    }

    /// Publishes the spooled file itself. True when it is new, false when the same was there, `nil` when the file
    /// has to be copied.
    private func take(
        _ spoolName: String,
        from spool: Directory,
        to folder: Directory,
        _ name: String,
        _ request: PutRequest
    ) throws(StorageError) -> Bool? {
        let source = try openSource(request) { () throws(Errno) in try spool.file(spoolName) }
        // A former attempt takes its owner's right to write away when it must not be taken: see below.
        guard try status(of: source, request).mode & 0o200 != 0 else { return nil }
        try verify(try read(source, request) { _ throws(StorageError) in }, request)
        do {
            try source.setMode(mode_t(options.fileMode) | 0o200)
            try source.synchronise()
        } catch {
            // The kernel still holds the bytes, but a further call on this file would succeed without having written
            // them (fsync(2)). A copy has blocks and a report of its own.
            try? source.setMode(0o400)
            return nil
        }
        let isPublished: Bool
        do throws(Errno) {
            try source.close()
            isPublished = try publish(spoolName, from: spool, to: folder, name)
        } catch {
            // Another file system is mounted on the folder.
            if error == .improperLink { return nil }
            throw StorageError(error, "store", in: url, key: request.key)
        }
        if isPublished { return true }
        return try !isSettled(request, in: folder, name)
    }

    /// Publishes a copy of the source. True when it is new, false when the same was there.
    private func copy(to folder: Directory, _ name: String, _ request: PutRequest) throws(StorageError) -> Bool {
        let source = try openSource(request) { () throws(Errno) in try OpenFile.reading(request.source) }
        _ = try status(of: source, request)
        try checkSpace(for: request, in: folder)
        let part = PartName.random(for: name)
        let isPublished: Bool
        do throws(StorageError) {
            try write(source, to: part, in: folder, request)
            isPublished = try attempt("store", request.key) { () throws(Errno) in
                try publish(part, from: folder, to: folder, name)
            }
        } catch {
            try? folder.remove(part)
            throw error
        }
        try attempt("tidy up after", request.key) { () throws(Errno) in try folder.remove(part) }
        if isPublished { return true }
        return try !isSettled(request, in: folder, name)
    }

    /// Writes a new file that is complete, verified and durable when this returns.
    private func write(
        _ source: borrowing OpenFile,
        to part: String,
        in folder: Directory,
        _ request: PutRequest
    ) throws(StorageError) {
        let target = try attempt("store", request.key) { () throws(Errno) in try folder.createFile(part) }
        try attempt("store", request.key) { () throws(Errno) in try target.allocate(request.size) }
        let content = try read(source, request) { bytes throws(StorageError) in
            try attempt("store", request.key) { () throws(Errno) in try target.write(bytes) }
        }
        try verify(content, request)
        do throws(Errno) {
            try target.setMode(mode_t(options.fileMode))
            try target.synchronise()
            try target.close()
        } catch {
            throw StorageError(error, "store", in: url, key: request.key)
        }
    }

    /// Shows a complete and durable file under its final name; false when something is there already and is kept.
    /// The old name may remain.
    private func publish(
        _ oldName: String,
        from: Directory,
        to folder: Directory,
        _ name: String
    ) throws(Errno) -> Bool {
        if options.collision == .keep {
            do {
                try from.link(oldName, to: folder, as: name)
                return true
            } catch {
                if error == .fileExists { return false }
                guard Self.meansNoHardLinks(error) else { throw error }
                // Exclusive only as far as no other process stores under the same key at this instant.
                if try folder.status(of: name) != nil { return false }
            }
        }
        try from.rename(oldName, to: folder, as: name)
        return true
    }

    /// FAT, exFAT, some FUSE and network file systems have none; Linux says EPERM then.
    private static func meansNoHardLinks(_ error: Errno) -> Bool {
        [.notPermitted, .notSupported, .notSupportedOnSocket, .noFunction, .tooManyLinks].contains(error)
    }

    private func checkSpace(for request: PutRequest, in folder: Directory) throws(StorageError) {
        let (total, free) = try attempt("store", request.key) { () throws(Errno) in try folder.space() }
        let floor = options.floor(ofFileSystemWith: total)
        guard free - request.size < floor else { return }
        throw StorageError(
            .full,
            "\(place(of: request.key)) needs \(request.size) bytes and \(floor) are to stay free, "
                + "but only \(free) are: free some space",
            isRetryable: true,
            key: request.key
        )
    }

    private func openSource(
        _ request: PutRequest,
        _ open: () throws(Errno) -> OpenFile
    ) throws(StorageError) -> OpenFile {
        do {
            return try open()
        } catch {
            throw sourceError(error, request)
        }
    }

    private func status(of source: borrowing OpenFile, _ request: PutRequest) throws(StorageError) -> FileStatus {
        let status: FileStatus
        do { status = try source.status() } catch { throw sourceError(error, request) }
        guard status.kind == .file else { throw sourceError("is not a regular file", request) }
        guard status.size == request.size else {
            throw sourceError("has \(status.size) bytes instead of \(request.size)", request)
        }
        return status
    }

    private func read(
        _ source: borrowing OpenFile,
        _ request: PutRequest,
        _ body: (UnsafeRawBufferPointer) throws(StorageError) -> Void
    ) throws(StorageError) -> OpenFile.Content {
        try source.read(upTo: request.size, failure: { sourceError($0, request) }, body)
    }

    private func verify(_ content: OpenFile.Content, _ request: PutRequest) throws(StorageError) {
        guard content.size == request.size else {
            throw sourceError("has another length than \(request.size) bytes", request)
        }
        guard content.sha256 == request.sha256 else {
            throw sourceError("has the SHA-256 \(content.sha256) instead of \(request.sha256)", request)
        }
    }

    private func sourceError(_ error: Errno, _ request: PutRequest) -> StorageError {
        switch error {
        // These say nothing about the file.
        case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory:
            StorageError(error, "read the file for", in: url, key: request.key)
        default: sourceError("can't be read (\(error))", request)
        }
    }

    private func sourceError(_ reason: String, _ request: PutRequest) -> StorageError {
        StorageError(
            .source,
            "the file \(request.source) to be stored \(reason): fetch it again",
            isRetryable: true,
            key: request.key
        )
    }
}
