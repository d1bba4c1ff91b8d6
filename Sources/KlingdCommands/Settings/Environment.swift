#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The variables of the process.
struct Environment {
    let variables: [String: String]

    init(_ variables: [String: String]) {
        self.variables = variables
    }

    static var current: Environment {
        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let pair = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2 { variables[String(pair[0])] = String(pair[1]) }
            entry += 1
        }
        return Environment(variables)
    }

    /// A variable that is set to nothing counts as not set.
    subscript(name: String) -> String? {
        guard let value = variables[name], !value.isEmpty else { return nil }
        return value
    }

    /// A folder of the user's as the XDG base directory specification names it.
    func userDirectory(_ variable: String, below home: String) throws(CommandFailure) -> String {
        if let directory = self[variable], directory.hasPrefix("/") { return directory }
        guard let user = self["HOME"] else {
            throw CommandFailure(
                message: "HOME is not set, so there is no default folder; give --storage and --state",
                exitCode: CommandFailure.usage
            )
        }
        return user + "/" + home
    }
}
