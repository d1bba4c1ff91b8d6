import KlingAPI

/// Where the keys are, and the one that the provider is given.
struct KeySources {
    /// A key or a half of one: it is there, or it is known where.
    private enum Found {
        case value(String)
        case place(KeyPlace)
    }

    private let sources: SettingSources

    init(_ sources: SettingSources) {
        self.sources = sources
    }

    /// The key for `provider`; `nil` when none was given, or when it would have to be read and `reads` is false.
    ///
    /// A key in variables goes before one that the file tells of, and a key for kling before a pair in the same place.
    ///
    /// - Throws: ``CommandFailure``: of usage when what was given can't be a key, and a failed one when the command
    ///   that prints it fails.
    func key(for provider: ProviderName, reads: Bool) throws(CommandFailure) -> Credentials? {
        switch provider {
        case .simulator: return Credentials(bearerKey: Settings.simulatorKey)
        case .cometapi: return try bearerKey(.cometAPIKey, reads)
        case .kling: break
        }
        let (bearer, access, secret) = (origin(.klingKey), origin(.klingAccessKey), origin(.klingSecretKey))
        let pairIsOfVariables = access == .variable && secret == .variable
        if bearer == .variable || (bearer == .file && !pairIsOfVariables) { return try bearerKey(.klingKey, reads) }
        switch (access, secret) {
        case (nil, nil): return nil
        case (nil, .some): throw alone(.klingSecretKey, without: .klingAccessKey)
        case (.some, nil): throw alone(.klingAccessKey, without: .klingSecretKey)
        case (.some, .some): break
        }
        guard let access = try read(.klingAccessKey, reads), let secret = try read(.klingSecretKey, reads) else {
            return nil
        }
        guard let key = Credentials(accessKey: access, secretKey: secret) else {
            throw wrong("\(name(.klingAccessKey)) or \(name(.klingSecretKey)) holds what cannot be a key")
        }
        return key
    }

    /// Where the key was given; `nil` when it was not.
    func origin(_ setting: Setting) -> SettingOrigin? {
        switch find(setting) {
        case .value?: .variable
        case .place?: .file
        case nil: nil
        }
    }

    /// Where the key is, for people; `nil` when there is none.
    func place(_ setting: Setting) -> String? {
        switch find(setting) {
        case .value?: "variable \(setting.variable ?? setting.rawValue)"
        case .place(let place)?: place.description
        case nil: nil
        }
    }

    /// What is wrong with the key, as far as that shows without running a program.
    func problem(_ setting: Setting) -> String? {
        if case .place(.command)? = find(setting) { return nil }
        do {
            // Both halves of a pair are held to what a key may be.
            _ = try bearerKey(setting, true)
            return nil
        } catch {
            return error.message
        }
    }

    private func bearerKey(_ setting: Setting, _ reads: Bool) throws(CommandFailure) -> Credentials? {
        guard let text = try read(setting, reads) else { return nil }
        guard let key = Credentials(bearerKey: text) else {
            throw wrong("\(name(setting)) holds what cannot be a key")
        }
        return key
    }

    private func find(_ setting: Setting) -> Found? {
        // Text of a variable is never of the wrong kind.
        if let text = try? sources.text(setting) { return .value(text.value) }
        return sources.file.keys[setting].map { .place($0) }
    }

    private func read(_ setting: Setting, _ reads: Bool) throws(CommandFailure) -> String? {
        switch find(setting) {
        case nil: return nil
        case .value(let text)?: return text
        case .place where !reads: return nil
        case .place(.secret(let secret))?:
            switch secret.read(sources.environment) {
            case .success(let text): return text
            case .failure(let failure): throw wrong("\(sources.name(setting, .file)): \(failure.reason)")
            }
        case .place(.command(let words))?:
            do {
                return try KeyCommand(words: words, environment: sources.environment.variables).output()
            } catch {
                throw CommandFailure(
                    message: "\(sources.name(setting, .file)): the command '\(words[0])' \(error.reason)",
                    exitCode: CommandFailure.failed
                )
            }
        }
    }

    /// What holds the key: `COMETAPI_KEY`, or `keys.cometapi in /home/me/config.json`.
    private func name(_ setting: Setting) -> String {
        origin(setting) == .variable ? setting.variable ?? setting.rawValue : sources.name(setting, .file)
    }

    private func alone(_ setting: Setting, without other: Setting) -> CommandFailure {
        wrong("\(name(setting)) is set without \(other.variable ?? other.rawValue)")
    }

    private func wrong(_ message: String) -> CommandFailure {
        CommandFailure(message: message, exitCode: CommandFailure.usage)
    }
}
