/// The places that the user has configured, in which alone images are stored.
package struct StoragePlaces: Sendable {
    private let backends: [any StorageBackend]
    private let byDefault: any StorageBackend

    /// - Parameters:
    ///   - byDefault: The place of tasks that name none.
    ///   - others: Further places that tasks may name.
    package init(default byDefault: any StorageBackend, others: [any StorageBackend] = []) {
        self.byDefault = byDefault
        backends = [byDefault] + others
    }

    /// Every configured place, the default first.
    package var all: [StoragePlace] { backends.map { StoragePlace(backend: $0, prefix: nil) } }

    /// The place that `text` names: a configured one or a folder below it; `nil` names the default.
    ///
    /// Throws ``StorageErrorKind/configuration`` for everything else, so that nobody who may only ask for images
    /// can make klingd write elsewhere.
    package func place(named text: String?) throws(StorageError) -> StoragePlace {
        guard let text else { return StoragePlace(backend: byDefault, prefix: nil) }
        let url = try StorageURL(text)
        // The nearest root wins, so that a place configured within another keeps its own settings.
        let nearest = backends.filter { $0.url.segments(to: url) != nil }
            .max { $0.url.segments.count < $1.url.segments.count }
        guard let nearest, let below = nearest.url.segments(to: url) else {
            let configured = backends.map(\.url.description).joined(separator: ", ")
            throw StorageError(
                .configuration,
                "'\(url)' is not a configured storage; give one of these or a folder below: \(configured)"
            )
        }
        let prefix = below.isEmpty ? nil : try ObjectKey(below.joined(separator: "/"))
        return StoragePlace(backend: nearest, prefix: prefix)
    }
}

/// A storage, or a folder in one.
package struct StoragePlace: Sendable {
    package let backend: any StorageBackend
    /// Goes before every key; `nil` at the root of the storage.
    package let prefix: ObjectKey?

    package init(backend: any StorageBackend, prefix: ObjectKey?) {
        self.backend = backend
        self.prefix = prefix
    }

    /// As shown to users and bound to tasks.
    package var url: StorageURL { prefix.map(backend.url.appending) ?? backend.url }
}
