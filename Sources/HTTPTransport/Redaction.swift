/// Keeps secrets out of what is shown.
package enum Redaction {
    /// A URL of whatever form as it may be shown: without user information, query and fragment.
    package static func url(_ text: String) -> String {
        if let url = try? HTTPURL(text) { return url.description }
        return "a URL that cannot be read"
    }
}
