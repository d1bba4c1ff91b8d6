import Storage

/// The settings of one profile.
struct AWSProfile: Sendable {
    let name: String
    fileprivate let values: [String: (value: INIFile.Value, path: String)]

    fileprivate init(_ name: String, _ values: [String: (value: INIFile.Value, path: String)]) {
        self.name = name
        self.values = values
    }

    /// A setting that has a text; one that is empty, or has only nested settings, counts as not set.
    subscript(setting: String) -> ConfiguredValue<String>? {
        guard let (value, path) = values[setting], !value.text.isEmpty else { return nil }
        return ConfiguredValue(value.text, origin: "'\(setting)' in \(path) line \(value.line)")
    }

    /// A setting that is nested in another, such as `addressing_style` in `s3`.
    subscript(outer: String, setting: String) -> ConfiguredValue<String>? {
        guard let (value, path) = values[outer], let nested = value.nested[setting], !nested.text.isEmpty else {
            return nil
        }
        return ConfiguredValue(nested.text, origin: "'\(outer).\(setting)' in \(path) line \(nested.line)")
    }
}

extension AWSProfile: CustomReflectable {
    /// Values can be secrets.
    var customMirror: Mirror { Mirror(self, children: ["name": name]) }
}

extension AWSSharedFiles {
    /// The profile that the environment chooses, with the settings of both files, those of `credentials` first.
    ///
    /// AWS_PROFILE is what all tools of AWS know; the older AWS_DEFAULT_PROFILE counts without it.
    ///
    /// Throws when it is named and in neither file. Only `default` may be missing: then it has no settings.
    func profile(_ environment: [String: String]) throws(StorageError) -> AWSProfile {
        let chosen = environment.setting("AWS_PROFILE") ?? environment.setting("AWS_DEFAULT_PROFILE")
        let name = chosen?.value ?? "default"
        let parts = [configProfile(name), credentialsProfile(name)]
        if let chosen, parts.allSatisfy({ $0 == nil }) {
            let paths = Self.paths(environment)
            let places = [paths.config, paths.credentials].compactMap(\.self).joined(separator: " nor ")
            throw chosen.error(
                "names the profile '\(name)', which is neither in \(places.isEmpty ? "any file" : places)"
            )
        }
        let values = parts.compactMap { $0?.values }.reduce(into: [:]) { $0.merge($1) { $1 } }
        return AWSProfile(name, values)
    }

    /// What the file `config` alone says of a profile; the section that comes last counts.
    func configProfile(_ name: String) -> AWSProfile? {
        config.flatMap { file in
            file.content.sections.last { $0.name == "default" ? name == "default" : $0.names("profile", name) }
                .map { AWSProfile(name, $0.values.mapValues { ($0, file.path) }) }
        }
    }

    /// What the file `credentials` alone says of a profile.
    func credentialsProfile(_ name: String) -> AWSProfile? {
        credentials.flatMap { file in
            file.content[name].map { AWSProfile(name, $0.values.mapValues { ($0, file.path) }) }
        }
    }

    /// The section `[services NAME]` that a profile refers to, to be read like a profile; `nil` when it refers to none.
    func services(of profile: AWSProfile) throws(StorageError) -> AWSProfile? {
        guard let reference = profile["services"] else { return nil }
        guard let config, let section = config.content.sections.last(where: { $0.names("services", reference.value) })
        else {
            throw reference.error("names the section [services \(reference.value)], which is not in the config file")
        }
        return AWSProfile(reference.value, section.values.mapValues { ($0, config.path) })
    }
}

extension INIFile.Section {
    /// Whether the header is `KIND NAME`, with quotation marks where the name has spaces.
    fileprivate func names(_ kind: String, _ wanted: String) -> Bool {
        name.hasPrefix(kind) && ShellWords.split(name) == [kind, wanted]
    }
}
