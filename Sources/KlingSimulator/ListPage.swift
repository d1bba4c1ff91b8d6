/// Which part of the list of tasks is asked for (kling-api-facts.md 3.4).
struct ListPage: Equatable, Sendable {
    /// From 1.
    var number = 1
    /// How many tasks make a page.
    var size = 30

    /// How many tasks come before it.
    var start: Int { (number - 1) * size }

    /// Reads `pageNum` and `pageSize`; other parameters are passed over.
    init(query: String) throws(Refusal) {
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count == 2 ? parts[1] : ""
            switch parts[0] {
            case "pageNum": number = try Self.number(value, "pageNum", in: 1...1000)
            case "pageSize": size = try Self.number(value, "pageSize", in: 1...500)
            default: continue
            }
        }
    }

    private static func number(
        _ text: Substring,
        _ name: String,
        in range: ClosedRange<Int>
    ) throws(Refusal) -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw .parameter("\(name) must be an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
