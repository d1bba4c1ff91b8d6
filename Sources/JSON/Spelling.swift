/// Guesses what a mistyped name was meant to be.
package enum Spelling {
    /// The candidate that takes the fewest edits, when that is few enough to be a slip: a third of the name's length.
    package static func nearest(to name: String, among candidates: [String]) -> String? {
        // A long name is no slip of the hand, and the comparison costs the product of both lengths.
        guard name.utf8.count <= 64 else { return nil }
        let ranked = candidates.map { (candidate: $0, edits: distance(Array(name.utf8), Array($0.utf8))) }
        guard let best = ranked.min(by: { $0.edits < $1.edits }) else { return nil }
        let length = best.candidate.utf8.count
        // A name of one letter that is wrong altogether is another name.
        return best.edits < length && best.edits <= max(1, length / 3) ? best.candidate : nil
    }

    /// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for i in 1...left.count {
            var row = [i]
            for j in 1...right.count {
                var cost = min(row[j - 1], last[j]) + 1
                cost = min(cost, last[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1))
                if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
                    cost = min(cost, beforeLast[j - 2] + 1)
                }
                row.append(cost)
            }
            beforeLast = last
            last = row
        }
        return last[right.count]
    }
}
