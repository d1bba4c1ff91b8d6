/// The storage backends there are, by URL scheme.
package struct StorageRegistry: Sendable {
    /// Makes a backend for a URL of its scheme, without any input or output yet.
    package typealias Factory = @Sendable (StorageURL) throws(StorageError) -> any StorageBackend

    private var factories: [String: Factory]
    private var plugin: Factory?

    /// `plugin` makes a backend for a URL of any other scheme.
    package init(_ factories: [String: Factory], plugin: Factory? = nil) {
        self.factories = factories
        self.plugin = plugin
    }

    /// Those with a backend of their own, in alphabetical order.
    package var schemes: [String] { factories.keys.sorted() }

    /// Throws ``StorageErrorKind/configuration`` when no backend is known for the URL's scheme.
    package func makeBackend(for url: StorageURL) throws(StorageError) -> any StorageBackend {
        guard let factory = factories[url.scheme] ?? plugin else {
            let known = schemes.map { "\($0)://" }.joined(separator: ", ")
            throw StorageError(
                .configuration,
                "no storage is known for '\(url.scheme)://' (there are: \(known)); a plugin for it would be a program named klingd-storage-\(url.scheme)"
            )
        }
        return try factory(url)
    }
}
