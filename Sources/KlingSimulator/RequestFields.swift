import JSON

/// Typed reading of a create's members, with refusals in the provider's manner.
struct RequestFields {
    private let members: JSONObject

    init(_ members: JSONObject) {
        self.members = members
    }

    func string(_ name: String) throws(Refusal) -> String? {
        guard let value = given(name) else { return nil }
        guard let text = value.stringValue else { throw .parameter("\(name) must be a string") }
        return text
    }

    func integer(_ name: String, in range: ClosedRange<Int64>) throws(Refusal) -> Int? {
        guard let value = given(name) else { return nil }
        guard let number = value.integerValue, range.contains(number) else {
            throw .parameter("\(name) must be an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return Int(number)
    }

    func checkNumber(_ name: String, in range: ClosedRange<Double>) throws(Refusal) {
        guard let value = given(name) else { return }
        guard let number = value.numberValue, range.contains(number) else {
            throw .parameter("\(name) must be a number from \(Int(range.lowerBound)) to \(Int(range.upperBound))")
        }
    }

    func word<Word: RawRepresentable<String>>(_ name: String, among words: [Word]) throws(Refusal) -> Word? {
        guard let text = try string(name) else { return nil }
        guard let word = words.first(where: { $0.rawValue == text }) else {
            throw .parameter("\(name) must be one of \(words.map(\.rawValue).joined(separator: ", "))")
        }
        return word
    }

    func flag(_ name: String, in object: String) throws(Refusal) -> Bool? {
        guard let value = given(object) else { return nil }
        guard let members = value.objectValue else { throw .parameter("\(object) must be an object") }
        guard let flag = RequestFields(members).given(name) else { return nil }
        guard let isOn = flag.boolValue else { throw .parameter("\(object).\(name) must be true or false") }
        return isOn
    }

    private func given(_ name: String) -> JSONValue? {
        guard let value = members[name], !value.isNull, value != "" else { return nil }
        return value
    }
}
