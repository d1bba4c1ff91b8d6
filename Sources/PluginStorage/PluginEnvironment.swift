/// What a plugin sees of klingd's environment.
enum PluginEnvironment {
    private static let names: Set<String> = [
        "PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR",
        "http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    ]

    /// The usual variables, and those that the configuration names.
    static func filtered(_ environment: [String: String], named extra: [String]) -> [String: String] {
        environment.filter { name, _ in
            names.contains(name) || name.hasPrefix("LC_") || extra.contains(name)
        }
    }
}
