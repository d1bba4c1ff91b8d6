package import Storage

/// A setting with where it comes from, so that whoever finds fault with it can say so.
package struct ConfiguredValue<Value: Sendable>: Sendable {
    package var value: Value
    /// The name of a variable, or of a setting with its file and line.
    package var origin: String

    package init(_ value: Value, origin: String) {
        self.value = value
        self.origin = origin
    }

    /// What to throw when the value is not what it must be: `must` goes on after the origin, such as "must be a URL".
    package func error(_ must: String) -> StorageError { StorageError(.configuration, "\(origin) \(must)") }
}

extension ConfiguredValue: Equatable where Value: Equatable {}

extension ConfiguredValue<String> {
    /// Reads one of a few words, whatever its case.
    func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
        _ type: Choice.Type
    ) throws(StorageError) -> Choice {
        guard let choice = Choice(rawValue: value.lowercased()) else {
            throw error("must be \(Choice.allCases.map { "'\($0.rawValue)'" }.joined(separator: " or "))")
        }
        return choice
    }
}
