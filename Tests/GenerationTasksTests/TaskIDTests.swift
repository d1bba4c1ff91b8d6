import GenerationTasks
import Testing

@Suite("Task ids")
struct TaskIDTests {
    @Test("are UUIDs of version 7 and variant 10, lower case, whatever the random bits are")
    func layout() {
        for seed in 0..<200 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let id = Array(TaskID(at: TestClock.epoch, random: &generator).description.utf8)
            #expect(id.count == 36)
            #expect([8, 13, 18, 23].allSatisfy { id[$0] == UInt8(ascii: "-") })
            #expect(id[14] == UInt8(ascii: "7"))
            #expect("89ab".utf8.contains(id[19]))
            #expect(id.allSatisfy { "0123456789abcdef-".utf8.contains($0) })
        }
    }

    @Test("carry the time of their creation in the first 48 bits")
    func time() {
        var generator = SeededGenerator(seed: 1)
        // The example of RFC 9562 appendix A.6.
        let id = TaskID(at: Timestamp(milliseconds: 0x017F_22E2_79B0), random: &generator)
        #expect(id.description.hasPrefix("017f22e2-79b0-7"))
    }

    @Test("are ordered by their time as texts")
    func order() {
        var generator = SeededGenerator(seed: 2)
        let times = (0..<500).map { Timestamp(milliseconds: Int64($0) * 86_399_999) }
        let ids = times.map { TaskID(at: $0, random: &generator).description }
        #expect(ids == ids.sorted())
    }

    @Test("made in one millisecond differ in all of their 74 random bits")
    func randomness() {
        struct Constant: RandomNumberGenerator {
            let value: UInt64
            func next() -> UInt64 { value }
        }
        var zeros = Constant(value: 0)
        var ones = Constant(value: .max)
        let epoch = Timestamp(milliseconds: 0)
        #expect(TaskID(at: epoch, random: &zeros).description == "00000000-0000-7000-8000-000000000000")
        #expect(TaskID(at: epoch, random: &ones).description == "00000000-0000-7fff-bfff-ffffffffffff")
    }

    @Test("before 1970 and after 10889 keep their form")
    func extremes() {
        var generator = SeededGenerator(seed: 3)
        let before = TaskID(at: Timestamp(milliseconds: .min), random: &generator).description
        let after = TaskID(at: Timestamp(milliseconds: .max), random: &generator).description
        #expect(before.hasPrefix("00000000-0000-7"))
        #expect(after.hasPrefix("ffffffff-ffff-7"))
    }

    @Test("are read as they were written, capitals included")
    func reading() {
        let id = TaskID.sample(1)
        #expect(TaskID(id.description) == id)
        #expect(TaskID(id.description.uppercased()) == id)
    }

    @Test(
        "are refused when the text has another form",
        arguments: [
            "", "-", "0199", "../../../etc/passwd", "0199f1aa-0000-7000-8000-00000000000",
            "0199f1aa-0000-7000-8000-0000000000000", "0199f1aa-0000-7000-8000-00000000000g",
            "0199f1aa-0000-7000-8000_000000000000", "0199f1aa00007000-8000-00000000000000",
            "------------------------------------", "0199f1aa-0000-7000-8000-0000000000/0",
            "0199f1aa-0000-7000-8000-0000000000\u{10}0",
            "\u{10}\u{11}\u{12}\u{13}\u{14}\u{15}\u{16}\u{17}-0000-7000-8000-000000000000",
            "0199f1aa-0000-7000-8000-00000000000\0", "0199f1aa-0000-7000-8000-00000000000\n",
            " 0199f1aa-0000-7000-8000-00000000000", "{0199f1aa-0000-7000-8000-0000000000}",
            "0199f1aa-0000-7000-8000-0000000000é", "０199f1aa-0000-7000-8000-0000000000",
            String(repeating: "a", count: 100_000),
        ]
    )
    func hostile(text: String) {
        #expect(TaskID(text) == nil)
    }
}
