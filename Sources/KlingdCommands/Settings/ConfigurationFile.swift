import Configuration
import JSON
import SystemPackage

/// The configuration file: every setting, and what flags and variables are too narrow for. JSON; an unknown member is
/// refused, so that a slip does not go unnoticed.
struct ConfigurationFile: Equatable {
    /// What is known of one storage plugin (protocol/storage-plugin.md).
    struct Plugin: Equatable {
        /// Its program, absolute; `nil` to look for it.
        var command: String?
        /// Of the program, in hexadecimal.
        var sha256: String?
        var config: JSONObject = [:]
        var secrets: [String: Secret] = [:]
        /// Variables that it sees besides the usual ones.
        var environment: [String] = []
        /// For how long it may say nothing while it works, where that is not the protocol's 60 s.
        var silence: Duration?
    }

    /// Where a secret is; never the secret itself, since files are copied and shown around.
    enum Secret: Equatable {
        case environment(String)
        case file(String)
    }

    /// By name, the scheme of the storage URL.
    var plugins: [String: Plugin] = [:]
    /// Where the keys are.
    var keys: [Setting: KeyPlace] = [:]
    /// What flags and variables could say too, as it stands there: of the right kind or not.
    var values: [Setting: ConfigContent] = [:]
    /// What each of ``values`` is, for the message that it is wrong.
    var shown: [Setting: String] = [:]

    init() {}

    /// The file at `path`.
    ///
    /// - Throws: ``CommandFailure`` that names the member.
    init(path: String) throws(CommandFailure) {
        let bytes: [UInt8]
        do {
            bytes = try SmallFile.read(FilePath(path))
        } catch {
            throw Self.wrong(path, "it can't be read (\(error))")
        }
        do {
            try self.init(JSONValue.parse(bytes))
        } catch let error as JSONParseError {
            // Without what stands there: it may be a secret in the wrong place.
            throw Self.wrong(path, "it is not JSON at line \(error.line), column \(error.column)")
        } catch let error as JSONDecodingError {
            let place = error.pointer == .root ? "" : " at \(error.pointer)"
            throw Self.wrong(path, error.message + place)
        } catch {
            throw Self.wrong(path, "\(error)")
        }
    }

    init(_ value: JSONValue) throws(JSONDecodingError) {
        guard let object = value.objectValue else {
            throw JSONDecodingError("the configuration must be an object, not \(value.kindName)", at: .root)
        }
        var members = JSONMembers(object)
        for member in try members.object("storage_plugins")?.members ?? [] {
            let pointer = members.pointer.member("storage_plugins").member(member.name)
            guard Self.canNamePlugin(member.name) else {
                throw JSONDecodingError("'\(member.name)' can't be the name of a plugin", at: pointer)
            }
            plugins[member.name] = try Plugin(member.value, at: pointer)
        }
        try readValues(from: &members)
        if let object = try members.object("keys") {
            var members = JSONMembers(object, at: members.pointer.member("keys"))
            for setting in Setting.allCases where setting.isSecret {
                guard let name = setting.member, let value = members.value(name) else { continue }
                keys[setting] = try KeyPlace(value, at: members.pointer.member(name))
            }
            try members.finish()
        }
        try members.finish()
    }

    private mutating func readValues(from members: inout JSONMembers) throws(JSONDecodingError) {
        for setting in Setting.allCases where setting.kind != .secret && setting.kind != .object {
            guard let name = setting.member, let value = members.value(name) else { continue }
            // A number is no secret; text may be one in the wrong place.
            shown[setting] = value.numberValue == nil ? value.kindName : value.description
            if setting.kind == .folders, let folders = value.arrayValue {
                values[setting] = .stringArray(try Self.strings(folders, at: members.pointer.member(name)))
            } else if setting.kind == .number, let number = value.numberValue {
                values[setting] = .double(number)
            } else {
                values[setting] = Self.content(value)
            }
        }
    }

    /// The value as the reader of settings knows it. It refuses one that is not of the setting's kind.
    private static func content(_ value: JSONValue) -> ConfigContent {
        if let text = value.stringValue { return .string(text) }
        if let isOn = value.boolValue { return .bool(isOn) }
        if let integer = value.integerValue, let number = Int(exactly: integer) { return .int(number) }
        if let number = value.numberValue { return .double(number) }
        // Arrays and objects: no setting is of this type.
        return .bytes([])
    }

    /// As protocol/storage-plugin.md has it.
    private static func canNamePlugin(_ name: String) -> Bool {
        let isWord = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
            default: false
            }
        }
        let beginsWithLetter = name.utf8.first.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) } ?? false
        return isWord && beginsWithLetter && name.utf8.count <= 32 && name != "file" && name != "s3"
    }

    static func strings(_ values: [JSONValue], at pointer: JSONPointer) throws(JSONDecodingError)
        -> [String]
    {
        var strings: [String] = []
        for (index, value) in values.enumerated() {
            guard let string = value.stringValue else {
                throw JSONDecodingError("a string is wanted, not \(value.kindName)", at: pointer.element(index))
            }
            strings.append(string)
        }
        return strings
    }

    private static func wrong(_ path: String, _ reason: String) -> CommandFailure {
        CommandFailure(message: "the configuration file \(path): \(reason)", exitCode: CommandFailure.usage)
    }
}

extension ConfigurationFile.Plugin {
    fileprivate init(_ value: JSONValue, at pointer: JSONPointer) throws(JSONDecodingError) {
        guard let object = value.objectValue else {
            throw JSONDecodingError("a plugin is an object, not \(value.kindName)", at: pointer)
        }
        var members = JSONMembers(object, at: pointer)
        command = try members.string("command")
        sha256 = try members.string("sha256")
        config = try members.object("config") ?? [:]
        for member in try members.object("secrets")?.members ?? [] {
            let pointer = pointer.member("secrets").member(member.name)
            secrets[member.name] = try ConfigurationFile.Secret(member.value, at: pointer)
        }
        if let names = try members.array("environment") {
            environment = try ConfigurationFile.strings(names, at: pointer.member("environment"))
        }
        silence = try members.integer("silence_ms", in: 100...86_400_000).map { .milliseconds($0) }
        try members.finish()
    }
}

extension ConfigurationFile.Secret {
    fileprivate init(_ value: JSONValue, at pointer: JSONPointer) throws(JSONDecodingError) {
        guard let object = value.objectValue else {
            throw JSONDecodingError(
                "a secret does not stand here: name where it is, by {\"environment\": \"VARIABLE\"} or {\"file\": \"/path\"}",
                at: pointer
            )
        }
        var members = JSONMembers(object, at: pointer)
        let variable = try members.string("environment")
        let file = try members.string("file")
        try members.finish()
        switch (variable, file) {
        case (let variable?, nil): self = .environment(variable)
        case (nil, let file?): self = .file(file)
        default: throw JSONDecodingError("a secret has one of 'environment' and 'file'", at: pointer)
        }
    }

    /// The secret as it is now. `nil` when there is none, with the reason in `reason`.
    func read(_ environment: Environment) -> Result<String, SecretFailure> {
        switch self {
        case .environment(let name):
            guard let text = environment[name] else {
                return .failure(SecretFailure("the variable \(name) is not set"))
            }
            return .success(text)
        case .file(let path):
            do {
                // Editors and echo end a file by a line break, which belongs to no secret.
                var text = String(decoding: try SmallFile.read(FilePath(path)), as: UTF8.self)[...]
                while let last = text.last, last.isNewline { text.removeLast() }
                return .success(String(text))
            } catch {
                return .failure(SecretFailure("the file \(path) can't be read (\(error))"))
            }
        }
    }
}

/// Why a secret is not to be had.
struct SecretFailure: Error {
    var reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}

/// Files that people write.
enum SmallFile {
    /// In bytes.
    private static let limit = 1 << 20

    static func read(_ path: FilePath) throws(Errno) -> [UInt8] {
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
            defer { try? file.close() }
            var bytes: [UInt8] = []
            var block = [UInt8](repeating: 0, count: 16 << 10)
            while true {
                let count = try block.withUnsafeMutableBytes { try file.read(into: $0) }
                guard count > 0 else { return bytes }
                bytes += block[..<count]
                guard bytes.count <= limit else { throw Errno.fileTooLarge }
            }
        } catch {
            throw error as? Errno ?? .ioError
        }
    }
}
