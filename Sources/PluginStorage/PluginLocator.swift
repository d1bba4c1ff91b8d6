import Storage
import SystemPackage

/// Finds the program of a plugin (protocol/storage-plugin.md, "How it is found and started").
struct PluginLocator: Sendable {
    struct Found: Sendable, Hashable {
        var path: FilePath
        /// Programs of the same name that were not taken, for they come later.
        var shadowed: [FilePath]
    }

    /// The part of the URL before `://`.
    let name: String
    let command: FilePath?
    let directories: [FilePath]
    /// The value of `PATH`.
    let searchPath: String

    /// Checks what can be known without looking at files; throws ``StorageErrorKind/configuration``.
    init(name: String, command: FilePath?, directories: [FilePath], searchPath: String) throws(StorageError) {
        guard Self.isName(name) else {
            throw StorageError(
                .configuration,
                "'\(name)://' can't be a storage plugin: its name is 1 to 32 lowercase letters, digits and '-', "
                    + "begins with a letter, and is not file or s3"
            )
        }
        if let command, !command.isAbsolute {
            throw StorageError(
                .configuration,
                "storage_plugins.\(name).command must be an absolute path, not '\(Excerpt.line(command.string))'"
            )
        }
        if let folder = directories.first(where: { !$0.isAbsolute }) {
            throw StorageError(
                .configuration,
                "--plugin-directory must be an absolute path, not '\(Excerpt.line(folder.string))'"
            )
        }
        self.name = name
        self.command = command
        self.directories = directories
        self.searchPath = searchPath
    }

    static func isName(_ name: String) -> Bool {
        guard (1...32).contains(name.utf8.count), name != "file", name != "s3",
            let first = name.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first)
        else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
            default: false
            }
        }
    }

    var program: String { "klingd-storage-\(name)" }

    /// The first program there is; one that must not be started is an error, and not passed over for a later one.
    func locate() throws(StorageError) -> Found {
        if let command {
            guard try ProgramFile.exists(command) else {
                throw StorageError(
                    .configuration,
                    "'\(Excerpt.line(command.string))' (storage_plugins.\(name).command) is not there: correct the path"
                )
            }
            return Found(path: command, shadowed: candidates.filter { $0 != command })
        }
        let found = candidates
        guard let first = found.first else {
            let places = places.isEmpty ? "nowhere" : places.map { Excerpt.line($0.string) }.joined(separator: ", ")
            throw StorageError(
                .configuration,
                "no program \(program) for '\(name)://' was found (looked in: \(places)); install it there, "
                    + "name its folder with --plugin-directory or its path with storage_plugins.\(name).command"
            )
        }
        return Found(path: first, shadowed: Array(found.dropFirst()))
    }

    /// Folders of `PATH` that depend on where klingd was started are left out.
    private var places: [FilePath] {
        var places: [FilePath] = []
        for place in directories + searchPath.split(separator: ":").map({ FilePath(String($0)) })
        where place.isAbsolute && !places.contains(place) {
            places.append(place)
        }
        return places
    }

    private var candidates: [FilePath] {
        places.map { $0.appending(program) }.filter { (try? ProgramFile.exists($0)) ?? true }
    }
}
