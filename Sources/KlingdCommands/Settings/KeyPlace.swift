import JSON

/// Where the configuration file says that a key is; never the key itself, since files are copied and shown around.
enum KeyPlace: Equatable {
    case secret(ConfigurationFile.Secret)
    /// A program, with its arguments, that prints the key. No shell sees it.
    case command([String])

    init(_ value: JSONValue, at pointer: JSONPointer) throws(JSONDecodingError) {
        guard let object = value.objectValue else {
            throw JSONDecodingError(
                """
                a secret does not stand here: name where it is, by {"file": "/path"}, {"command": ["program"]} or \
                {"environment": "VARIABLE"}
                """,
                at: pointer
            )
        }
        var members = JSONMembers(object, at: pointer)
        let variable = try members.string("environment")
        let file = try members.string("file")
        let command = try members.array("command")
        try members.finish()
        switch (variable, file, command) {
        case (let variable?, nil, nil): self = .secret(.environment(variable))
        case (nil, let file?, nil): self = .secret(.file(file))
        case (nil, nil, let command?):
            let words = try ConfigurationFile.strings(command, at: pointer.member("command"))
            guard words.first?.isEmpty == false else {
                throw JSONDecodingError("'command' begins with a program", at: pointer.member("command"))
            }
            self = .command(words)
        default: throw JSONDecodingError("a key has one of 'file', 'command' and 'environment'", at: pointer)
        }
    }

    /// For people. Arguments are left out: one of them may be what the key is got with.
    var description: String {
        switch self {
        case .secret(.environment(let name)): "variable \(name)"
        case .secret(.file(let path)): "file \(path)"
        case .command(let words): "command \(words[0])"
        }
    }
}
