/// What the provider asks of an address before it uses it.
enum WebAddress {
    /// Whether `text` is an absolute http or https address with a host.
    static func isPlausible(_ text: String) -> Bool {
        let lowercased = text.lowercased()
        guard let scheme = ["http://", "https://"].first(where: lowercased.hasPrefix) else { return false }
        let authority = text.dropFirst(scheme.count).prefix { !"/?#".contains($0) }
        return !authority.isEmpty && !text.unicodeScalars.contains { $0.value <= 0x20 || $0.value == 0x7F }
    }
}
