import Storage
import SystemPackage
import Testing

@testable import StoragePlugin

@Suite struct PluginConfigurationTests {
    private let configuration = PluginConfiguration([
        "s": .string("x"), "i": .integer(7), "r": .real(0.5), "b": .bool(true),
    ])

    @Test func membersAreReadAsWhatTheyAre() throws {
        #expect(try configuration.string("s") == "x")
        #expect(try configuration.integer("i") == 7)
        #expect(try configuration.number("i") == 7)
        #expect(try configuration.number("r") == 0.5)
        #expect(try configuration.bool("b") == true)
        #expect(try configuration.string("other") == nil)
    }

    @Test func anotherTypeIsAnErrorThatNamesTheMember() throws {
        let reads: [(String, () throws -> Void)] = [
            ("i", { _ = try configuration.string("i") }), ("r", { _ = try configuration.integer("r") }),
            ("s", { _ = try configuration.number("s") }), ("i", { _ = try configuration.bool("i") }),
        ]
        for (name, read) in reads {
            let error = try #require(throws: StorageError.self, performing: read)
            #expect(error.kind == .configuration)
            #expect(error.message.contains("'\(name)'"))
        }
    }

    @Test func aSlipInANameIsToldWithTheNearestName() throws {
        let slip = PluginConfiguration(["shceme": .string("http")])
        let error = try #require(throws: StorageError.self) {
            try slip.refuseMembers(otherThan: ["scheme", "timeout"])
        }
        #expect(error.kind == .configuration)
        #expect(error.message.contains("did you mean 'scheme'?"))
        try configuration.refuseMembers(otherThan: ["s", "i", "r", "b", "more"])
    }

    @Test func aMissingSecretIsToldWithTheSettingAndWithoutTheOthers() throws {
        let start = PluginStart(
            url: try StorageURL("webdav://host"),
            secrets: ["password": "hush"],
            workDirectory: "/w"
        )
        #expect(try start.secret("password") == "hush")
        let error = try #require(throws: StorageError.self) { try start.secret("username") }
        #expect(error.kind == .configuration)
        #expect(error.message.contains("storage_plugins.webdav.secrets.username"))
        #expect(!error.message.contains("hush"))
    }
}
