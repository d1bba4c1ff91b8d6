import KlingAPI
import Testing

@testable import KlingdCommands

/// A flag goes before a variable, a variable before the file, the file before what is usual.
@Suite(.timeLimit(.minutes(1))) struct PrecedenceTests {
    /// A setting with a value for each place, as it is given there and as it is shown.
    struct Case: Sendable, CustomTestStringConvertible {
        var setting: Setting
        /// `nil` where there is no flag.
        var flag: (arguments: [String], shown: String)?
        var variable: (text: String, shown: String)
        var file: (json: String, shown: String)
        var usual: String

        var testDescription: String { setting.rawValue }
    }

    static let cases = [
        Case(
            setting: .provider,
            flag: (["--provider", "simulator"], "simulator"),
            variable: ("kling", "kling"),
            file: (#""simulator""#, "simulator"),
            usual: "cometapi"
        ),
        Case(
            setting: .baseURL,
            flag: (["--base-url", "https://a.example"], "https://a.example/"),
            variable: ("https://b.example/v", "https://b.example/v"),
            file: (#""http://127.0.0.1:8080""#, "http://127.0.0.1:8080/"),
            usual: "https://api.cometapi.com/"
        ),
        Case(
            setting: .storage,
            flag: (["--storage", "s3://bucket/a"], "s3://bucket/a"),
            variable: ("/pictures", "file:///pictures"),
            file: (#""file:///c""#, "file:///c"),
            usual: "file:///home/me/.local/share/klingd/images"
        ),
        Case(
            setting: .state,
            flag: (["--state", "/a"], "/a"),
            variable: ("/b", "/b"),
            file: (#""/c""#, "/c"),
            usual: "/home/me/.local/state/klingd"
        ),
        Case(
            setting: .apiRevision,
            flag: (["--api-revision", "classic"], "classic"),
            variable: ("current", "current"),
            file: (#""classic""#, "classic"),
            usual: "classic"
        ),
        Case(
            setting: .maxImagesInFlight,
            flag: (["--max-images-in-flight", "1"], "1"),
            variable: ("2", "2"),
            file: ("3", "3"),
            usual: "no limit"
        ),
        Case(
            setting: .maxImagesPerDay,
            flag: (["--max-images-per-day", "0"], "0"),
            variable: ("2", "2"),
            file: ("3", "3"),
            usual: "no limit"
        ),
        Case(
            setting: .requestTimeout,
            flag: (["--request-timeout", "1"], "1"),
            variable: ("600", "600"),
            file: ("30", "30"),
            usual: "90"
        ),
        Case(
            setting: .simulatorDialect,
            flag: (["--simulator-dialect", "kling"], "kling"),
            variable: ("cometapi", "cometapi"),
            file: (#""kling""#, "kling"),
            usual: "cometapi"
        ),
        Case(
            setting: .simulatorTimeScale,
            flag: (["--simulator-time-scale", "0"], "0.0"),
            variable: ("0.5", "0.5"),
            // A whole number is a number too.
            file: ("2", "2.0"),
            usual: "0.25"
        ),
        Case(
            setting: .onEOF,
            flag: (["--on-eof", "drain"], "drain"),
            variable: ("detach", "detach"),
            file: (#""detach""#, "detach"),
            usual: "drain"
        ),
        Case(
            setting: .noTaskUpdates,
            flag: (["--no-task-updates"], "true"),
            variable: ("No", "false"),
            file: ("true", "true"),
            usual: "false"
        ),
        Case(setting: .logLevel, variable: ("DEBUG", "debug"), file: (#""info""#, "info"), usual: "warning"),
        Case(
            setting: .pluginDirectories,
            flag: (["--plugin-directory", "/a", "--plugin-directory", "/b:c"], "/a:/b:c"),
            variable: ("/c::/d:", "/c:/d"),
            file: (#"["/e", "/f"]"#, "/e:/f"),
            usual: "none"
        ),
    ]

    @Test func theTableHoldsEverySetting() {
        let others: Set<Setting> = [
            .config, .storagePlugins, .cometAPIKey, .klingKey, .klingAccessKey, .klingSecretKey,
        ]
        #expect(Set(Self.cases.map(\.setting)).union(others) == Set(Setting.allCases))
    }

    @Test(arguments: cases) func theNearestPlaceHolds(example: Case) throws {
        let setting = example.setting
        let name = try #require(setting.variable)
        let file = "{\"\(setting.rawValue)\": \(example.file.json)}"
        let all = try Surroundings([name: example.variable.text], file: file)
        let flagged = try all.report(example.flag?.arguments ?? []).row(setting)
        if let flag = example.flag {
            #expect(flagged.text == flag.shown)
            #expect(flagged.origin == .flag)
        } else {
            #expect(setting.flag == nil)
        }
        let variable = try all.report().row(setting)
        #expect(variable.text == example.variable.shown)
        #expect(variable.origin == .variable)
        // A variable that is set to nothing counts as not set.
        let ofFile = try Surroundings([name: ""], file: file).report().row(setting)
        #expect(ofFile.text == example.file.shown)
        #expect(ofFile.origin == .file)
        // So does a member that is null.
        let usual = try Surroundings(file: "{\"\(setting.rawValue)\": null}").report().row(setting)
        #expect(usual.text == example.usual)
        #expect(usual.origin == .usual)
    }

    /// What is usual stands in two places: where it is read, and where it holds.
    @Test(arguments: Setting.allCases) func theTableOfSettingsTellsWhatIsUsual(setting: Setting) throws {
        guard let usual = setting.usual else { return }
        #expect(try Surroundings().report().row(setting).text == usual)
    }

    @Test func theSettingsOfServeAreThoseThatAreShown() throws {
        let surroundings = try Surroundings(
            ["KLINGD_MAX_IMAGES_PER_DAY": "7", "KLINGD_STATE": "/b"],
            file: """
                {"provider": "simulator", "max_images_per_day": 9, "request_timeout": 5, "simulator_time_scale": 1,
                 "on_eof": "detach", "no_task_updates": true, "api_revision": "current", "max_images_in_flight": 4,
                 "simulator_dialect": "kling", "plugin_directories": ["/p"], "log_level": "error", "storage": "/i"}
                """
        )
        let settings = try surroundings.settings(["--state", "/a"])
        #expect(settings.provider == .simulator)
        #expect(settings.baseURL == nil)
        #expect(settings.dialect == .kling)
        #expect(settings.stateDirectory == "/a")
        #expect("\(settings.storage)" == "file:///i")
        #expect(settings.storageName == "storage in \(surroundings.filePath)")
        #expect(settings.maxImagesPerDay == 7)
        #expect(settings.maxImagesInFlight == 4)
        #expect(settings.requestTimeout == .seconds(5))
        #expect(settings.simulatorTimeScale == 1)
        #expect("\(settings.endOfInput)" == "detach")
        #expect(!settings.sendsUpdates)
        #expect("\(settings.logLevel)" == "error")
        #expect(settings.plugins.directories == ["/p"])
    }

    @Test func theFileIsNamedByFlagThenVariableThenPlace() throws {
        let surroundings = try Surroundings(file: #"{"max_images_per_day": 1}"#)
        let named = try surroundings.write(#"{"max_images_per_day": 2}"#, to: "named.json")
        #expect(try surroundings.report().row(.maxImagesPerDay).text == "1")
        #expect(try surroundings.report(["--config", named]).row(.maxImagesPerDay).text == "2")
        #expect(try surroundings.report(["--config", named]).row(.config).origin == .flag)
        let other = try Surroundings(["KLINGD_CONFIG": named])
        #expect(try other.report().row(.maxImagesPerDay).text == "2")
        #expect(try other.report().row(.config).origin == .variable)
        #expect(try Surroundings().report().row(.config).text.hasSuffix("/klingd/config.json (not there)"))
    }
}
