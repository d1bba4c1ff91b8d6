import JSON
import Testing

@testable import KlingdCommands

/// A wrong value is told with the place where it stands, by serve and by config show.
@Suite(.timeLimit(.minutes(1))) struct WrongSettingTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var setting: Setting
        var arguments: [String] = []
        var variable: String?
        var json: String?
        /// `FILE` stands for the file's path.
        var message: String

        var testDescription: String { message }
    }

    static let cases = [
        Case(setting: .storage, arguments: ["--storage", ""], message: "--storage names no folder"),
        Case(setting: .state, arguments: ["--state", ""], message: "--state names no folder"),
        Case(setting: .state, json: #""""#, message: "state in FILE names no folder"),
        Case(
            setting: .maxImagesInFlight,
            arguments: ["--max-images-in-flight", "0"],
            message: "--max-images-in-flight must be 1 or more, not 0"
        ),
        Case(
            setting: .maxImagesInFlight,
            variable: "0",
            message: "the variable KLINGD_MAX_IMAGES_IN_FLIGHT must be 1 or more, not 0"
        ),
        Case(
            setting: .maxImagesInFlight,
            variable: "two",
            message: "the variable KLINGD_MAX_IMAGES_IN_FLIGHT must be a whole number, not 'two'"
        ),
        Case(
            setting: .maxImagesInFlight,
            json: #""2""#,
            message: "max_images_in_flight in FILE must be a whole number, not a string"
        ),
        Case(
            setting: .maxImagesPerDay,
            json: "2.5",
            message: "max_images_per_day in FILE must be a whole number, not 2.5"
        ),
        Case(setting: .maxImagesPerDay, json: "-1", message: "max_images_per_day in FILE must be 0 or more, not -1"),
        Case(setting: .requestTimeout, json: "601", message: "request_timeout in FILE must be 1 to 600, not 601"),
        Case(
            setting: .requestTimeout,
            json: "[1]",
            message: "request_timeout in FILE must be a whole number, not an array"
        ),
        Case(
            setting: .simulatorTimeScale,
            variable: "-1",
            message: "the variable KLINGD_SIMULATOR_TIME_SCALE must be 0 or more"
        ),
        Case(
            setting: .simulatorTimeScale,
            variable: "inf",
            message: "the variable KLINGD_SIMULATOR_TIME_SCALE must be 0 or more"
        ),
        Case(
            setting: .simulatorTimeScale,
            json: "true",
            message: "simulator_time_scale in FILE must be a number, not a boolean"
        ),
        Case(
            setting: .provider,
            variable: "nobody",
            message: "the variable KLINGD_PROVIDER must be one of cometapi, kling, simulator, not 'nobody'"
        ),
        Case(
            setting: .provider,
            json: #""nobody""#,
            message: "provider in FILE must be one of cometapi, kling, simulator, not 'nobody'"
        ),
        Case(setting: .provider, json: "{}", message: "provider in FILE must be text, not an object"),
        Case(
            setting: .noTaskUpdates,
            variable: "perhaps",
            message: "the variable KLINGD_NO_TASK_UPDATES must be 1, true, yes, 0, false or no, not 'perhaps'"
        ),
        Case(
            setting: .noTaskUpdates,
            json: "1",
            message: "no_task_updates in FILE must be true or false, not 1"
        ),
        Case(setting: .onEOF, json: #""stop""#, message: "on_eof in FILE must be one of drain, detach, not 'stop'"),
        Case(
            setting: .logLevel,
            json: #""loud""#,
            message:
                "log_level in FILE must be one of trace, debug, info, notice, warning, error, critical, not 'loud'"
        ),
        Case(
            setting: .pluginDirectories,
            json: #""/a""#,
            message: "plugin_directories in FILE must be an array of folders, not a string"
        ),
        Case(
            setting: .baseURL,
            variable: "http://api.example",
            message: "the variable KLINGD_BASE_URL: the key would travel in clear to api.example; use https"
        ),
        Case(
            setting: .baseURL,
            json: #""https://u@api.example""#,
            message: "base_url in FILE: it holds a user name; the key goes in the environment alone"
        ),
        Case(
            setting: .storage,
            json: #""s3:/b""#,
            message: "storage in FILE: "
        ),
    ]

    @Test(arguments: cases) func itsPlaceIsTold(example: Case) throws {
        let setting = example.setting
        var variables: [String: String] = [:]
        if let name = setting.variable { variables[name] = example.variable }
        let surroundings = try Surroundings(
            variables,
            file: example.json.map { "{\"\(setting.rawValue)\": \($0), \"keys\": {}}" }
        )
        let message = example.message.replacing("FILE", with: surroundings.filePath)
        let failure = try #require(surroundings.failure(example.arguments))
        #expect(failure.message.hasPrefix(message), "\(failure.message)")
        #expect(failure.exitCode == 2)
        let report = try surroundings.report(example.arguments)
        let row = try report.row(setting)
        #expect(row.problem == failure.message)
        #expect(row.value == nil)
        #expect(report.problems == 1)
        let origin: SettingOrigin = example.json != nil ? .file : example.variable != nil ? .variable : .flag
        #expect(row.origin == origin)
        // The others are told all the same.
        #expect(report.rows.count == Setting.allCases.count)
    }

    /// Swift's parser of arguments refuses what is no such value at all.
    @Test(arguments: [["--provider", "nobody"], ["--request-timeout", "soon"], ["--on-eof", "stop"]])
    func aFlagOfTheWrongKindIsRefused(arguments: [String]) throws {
        #expect(throws: (any Error).self) { try Surroundings().settings(arguments) }
    }

    /// It was so before there was a file: a slip in a variable must not keep klingd from logging.
    @Test func aWrongLevelOfLoggingInTheVariableIsPassedOver() throws {
        let surroundings = try Surroundings(["LOG_LEVEL": "loud"], file: #"{"log_level": "info"}"#)
        #expect("\(try surroundings.settings().logLevel)" == "warning")
        #expect(try surroundings.report().row(.logLevel).problem?.hasPrefix("the variable LOG_LEVEL must be") == true)
    }

    @Test func whatIsNotInForceIsNotLookedAt() throws {
        let surroundings = try Surroundings(["KLINGD_REQUEST_TIMEOUT": "5"], file: #"{"request_timeout": "soon"}"#)
        #expect(try surroundings.settings().requestTimeout == .seconds(5))
    }

    @Test(arguments: [
        ("{", "it is not JSON at line 1"), (#"{"max_image_per_day": 1}"#, "did you mean 'max_images_per_day'?"),
        (#"{"keys": {"commetapi": {}}}"#, "did you mean 'cometapi'? at /keys/commetapi"),
        (#"{"config": "/x"}"#, "unknown parameter 'config'"),
        (#"{"keys": {"kling": {"comand": ["x"]}}}"#, "did you mean 'command'?"),
        (#"{"keys": {"kling": {"command": []}}}"#, "'command' begins with a program at /keys/kling/command"),
        (#"{"keys": {"kling": {"command": "pass"}}}"#, "'command' must be an array"),
        (#"{"keys": {"kling": {"file": "/x", "command": ["x"]}}}"#, "one of 'file', 'command' and 'environment'"),
        (#"{"keys": {"kling": "s3cret"}}"#, "a secret does not stand here"),
    ])
    func aFileThatCantBeUsedIsToldInItsRow(text: String, words: String) throws {
        let surroundings = try Surroundings(["KLINGD_MAX_IMAGES_PER_DAY": "7"], file: text)
        let report = try surroundings.report()
        let problem = try #require(try report.row(.config).problem)
        #expect(problem.contains(words), "\(problem)")
        #expect(problem.hasPrefix("the configuration file \(surroundings.filePath)"))
        #expect(report.problems == 1)
        #expect(try report.row(.maxImagesPerDay).text == "7")
        #expect(surroundings.failure()?.message == problem)
        #expect(!report.everything.contains("s3cret"))
    }
}
