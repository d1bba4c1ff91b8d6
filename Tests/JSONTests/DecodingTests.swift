import JSON
import Testing

/// The error that `body` ends with, if any.
private func decodingError(_ body: () throws(JSONDecodingError) -> Void) -> JSONDecodingError? {
    do throws(JSONDecodingError) {
        try body()
        return nil
    } catch {
        return error
    }
}

@Suite struct JSONPointerTests {
    @Test func pointersAreWrittenAsTheirStandardHasThem() {
        #expect(JSONPointer.root.description == "")
        #expect(JSONPointer.root.member("a").element(0).member("b").description == "/a/0/b")
        #expect(JSONPointer.root.member("").description == "/")
        #expect(JSONPointer.root.member("a/b").description == "/a~1b")
        #expect(JSONPointer.root.member("m~n").description == "/m~0n")
        #expect(JSONPointer.root.member("~1/é \"").description == "/~01~1é \"")
    }
}

@Suite struct JSONMembersTests {
    private let object: JSONObject = [
        "s": "x", "b": true, "i": 5, "r": 2.5, "a": [1], "o": ["k": 1], "n": nil,
    ]

    @Test func membersAreTakenByTheirType() throws {
        var members = JSONMembers(object)
        #expect(try members.string("s") == "x")
        #expect(try members.bool("b") == true)
        #expect(try members.integer("i") == 5)
        #expect(try members.integer("i", in: 1...5) == 5)
        #expect(try members.number("r") == 2.5)
        #expect(try members.number("i") == 5, "an integer is a number too")
        #expect(try members.array("a") == [1])
        #expect(try members.object("o")?["k"] == 1)
        #expect(members.value("n") == nil)
        #expect(decodingError { () throws(JSONDecodingError) in try members.finish() } == nil)
    }

    @Test func nullCountsAsNotGiven() throws {
        var members = JSONMembers(object)
        #expect(try members.string("n") == nil)
        #expect(try members.bool("n") == nil)
        #expect(try members.integer("n", in: 1...2) == nil)
        #expect(try members.array("n") == nil)
        #expect(try members.object("n") == nil)
        #expect(try members.number("absent") == nil)
    }

    @Test func aMemberOfAnotherTypeIsRefusedWithItsPlace() {
        let place = JSONPointer.root.member("params").element(3)
        var members = JSONMembers(object, at: place)
        let error = decodingError { () throws(JSONDecodingError) in _ = try members.string("i") }
        #expect(error == JSONDecodingError("'i' must be a string, not an integer", at: place.member("i")))
        typealias Take = (inout JSONMembers) throws(JSONDecodingError) -> Any?
        let others: [(String, Take)] = [
            ("'s' must be true or false, not a string", { members throws(JSONDecodingError) in try members.bool("s") }),
            ("'r' must be an integer, not a number", { members throws(JSONDecodingError) in try members.integer("r") }),
            ("'b' must be a number, not a boolean", { members throws(JSONDecodingError) in try members.number("b") }),
            ("'o' must be an array, not an object", { members throws(JSONDecodingError) in try members.array("o") }),
            ("'a' must be an object, not an array", { members throws(JSONDecodingError) in try members.object("a") }),
        ]
        for (message, take) in others {
            #expect(decodingError { () throws(JSONDecodingError) in _ = try take(&members) }?.message == message)
        }
    }

    @Test func anIntegerOutOfItsRangeIsRefusedWithTheRange() {
        var members = JSONMembers(object)
        let error = decodingError { () throws(JSONDecodingError) in _ = try members.integer("i", in: 6...9) }
        #expect(error == JSONDecodingError("'i' must be from 6 to 9, not 5", at: .root.member("i")))
    }

    @Test func aMemberNobodyAskedForIsRefusedWithTheNameThatWasMeant() {
        var members = JSONMembers(["promt": "a lighthouse", "n": 1])
        _ = members.value("prompt")
        _ = members.value("n")
        let error = decodingError { () throws(JSONDecodingError) in try members.finish() }
        let message = "unknown parameter 'promt', did you mean 'prompt'?"
        #expect(error == JSONDecodingError(message, at: .root.member("promt")))
    }

    @Test func aMemberLikeNoOtherIsRefusedWithoutAGuess() {
        var members = JSONMembers(["a/b": 1])
        _ = members.value("prompt")
        let error = decodingError { () throws(JSONDecodingError) in try members.finish() }
        #expect(error == JSONDecodingError("unknown parameter 'a/b'", at: .root.member("a/b")))
    }
}

@Suite struct SpellingTests {
    private let names = ["prompt", "negative_prompt", "aspect_ratio", "n", "id", "wait_for", "wait_ms", "storage"]

    @Test(arguments: [
        ("promt", "prompt"), ("prompts", "prompt"), ("pormpt", "prompt"), ("Prompt", "prompt"),
        ("negativ_prompt", "negative_prompt"), ("negativePrompt", "negative_prompt"), ("aspectratio", "aspect_ratio"),
        ("aspect-ratio", "aspect_ratio"), ("wait_fro", "wait_for"), ("ids", "id"), ("stroage", "storage"),
    ])
    func aSlipIsRecognised(name: String, meant: String) {
        #expect(Spelling.nearest(to: name, among: names) == meant)
    }

    @Test(arguments: ["seed", "temperature", "", "callback_url", "x", String(repeating: "prompt", count: 11)])
    func anotherWordIsNoSlip(name: String) {
        #expect(Spelling.nearest(to: name, among: names) == nil)
    }

    @Test func withoutCandidatesThereIsNoGuess() {
        #expect(Spelling.nearest(to: "prompt", among: []) == nil)
    }
}
