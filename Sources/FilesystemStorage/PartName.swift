/// The name of a file that is still being written: `.<final name>.<16 hexadecimal digits>.part`.
///
/// It lies beside its final name, is hidden from listings, and can be told from everybody else's files.
enum PartName {
    private static let suffix = ".part"
    private static let randomLength = 16
    private static let maximumLength = 255

    /// A new name; an overlong final name is cut in it.
    static func random(for name: some StringProtocol) -> String {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        let random = String(repeating: "0", count: randomLength - digits.count) + digits
        let room = maximumLength - randomLength - suffix.utf8.count - 2
        return ".\(name.prefix(room)).\(random)\(suffix)"
    }

    /// True for a name that ``random(for:)`` can have made.
    static func matches(_ name: String) -> Bool {
        guard name.hasPrefix("."), name.hasSuffix(suffix) else { return false }
        let parts = name.dropFirst().dropLast(suffix.count).split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 2, let random = parts.last, random.utf8.count == randomLength else { return false }
        return random.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
        }
    }
}
