import Storage
import Testing

@testable import S3Storage
@testable import SigV4

/// What botocore 1.43.11 makes of an environment and two files: its session and its client for S3.
@Suite(.timeLimit(.minutes(1))) struct PrecedenceTests {
    struct Result: Sendable, Equatable {
        var key: String?
        var token: String?
        var region: String?
        var endpoint: String?
        var style: String?
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let environment: [String: String]
        /// `%PROCESS%` stands for the path of a program that prints credentials.
        let config: String?
        let credentials: String?
        /// `nil` when it is refused.
        let result: Result?

        init(
            _ description: String,
            environment: [String: String],
            config: String?,
            credentials: String?,
            result: Result?
        ) {
            testDescription = description
            self.environment = environment
            self.config = config
            self.credentials = credentials
            self.result = result
        }
    }

    @Test(arguments: rows) func settingsAndCredentialsAreTakenFromWhereBotocoreTakesThem(row: Row) async throws {
        let folder = try AWSFolder()
        let program = try folder.program(printing: "PROCESS")
        for (name, text) in [("config", row.config), ("credentials", row.credentials)] {
            try text.map { try folder.write($0.split(separator: "%PROCESS%").joined(separator: program), to: name) }
        }
        let environment = folder.environment.merging(row.environment) { $1 }
        #expect(await result(environment) == row.result)
    }

    private func result(_ environment: [String: String]) async -> Result? {
        do {
            let files = try AWSSharedFiles.read(environment: environment)
            let settings = try S3Settings(environment: environment, files: files)
            let credentials = try await AWSCredentials(environment: environment, now: { 0 }).current()
            return Result(
                key: credentials.accessKeyID,
                token: credentials.sessionToken,
                region: settings.region?.value,
                endpoint: settings.endpoint?.value,
                style: settings.addressingStyle?.value.rawValue
            )
        } catch {
            // Never a passing trouble: none of these can be mended by waiting.
            #expect(error.kind == .configuration && !error.isRetryable)
            return nil
        }
    }
}

private let rows: [PrecedenceTests.Row] = [
    PrecedenceTests.Row(
        "nothing but the default profile of credentials",
        environment: [:],
        config: nil,
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "FILE", token: nil, region: nil, endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "the environment before files",
        environment: ["AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "T"],
        config: nil,
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "ENV", token: "T", region: nil, endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "the environment before a profile of the environment",
        environment: ["AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s", "AWS_PROFILE": "p"],
        config: "[profile p]\nregion=r\n",
        credentials: "[p]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "ENV", token: nil, region: "r", endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "credentials before config",
        environment: [:],
        config: "[default]\naws_access_key_id=CONFIG\naws_secret_access_key=s\n",
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\naws_session_token=T\n",
        result: PrecedenceTests.Result(key: "FILE", token: "T", region: nil, endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "config when credentials has no keys",
        environment: [:],
        config: "[default]\naws_access_key_id=CONFIG\naws_secret_access_key=s\n",
        credentials: "[default]\nregion=c\n",
        result: PrecedenceTests.Result(key: "CONFIG", token: nil, region: "c", endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "a process before the keys of config",
        environment: [:],
        config: "[default]\naws_access_key_id=CONFIG\naws_secret_access_key=s\ncredential_process=%PROCESS%\n",
        credentials: nil,
        result: PrecedenceTests.Result(key: "PROCESS", token: nil, region: nil, endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "the keys of credentials before a process",
        environment: [:],
        config: "[default]\ncredential_process=%PROCESS%\n",
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "FILE", token: nil, region: nil, endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "a process in credentials",
        environment: [:],
        config: nil,
        credentials: "[default]\ncredential_process=%PROCESS%\n",
        result: PrecedenceTests.Result(key: "PROCESS", token: nil, region: nil, endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "a named profile",
        environment: ["AWS_PROFILE": "p"],
        config: "[profile p]\nregion=r\n[default]\nregion=d\n",
        credentials:
            "[p]\naws_access_key_id=P\naws_secret_access_key=s\n[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "P", token: nil, region: "r", endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "a profile that is only in credentials",
        environment: ["AWS_PROFILE": "p"],
        config: nil,
        credentials: "[p]\naws_access_key_id=P\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "P", token: nil, region: nil, endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "a profile that is not there",
        environment: ["AWS_PROFILE": "p"],
        config: "[p]\nregion=r\n",
        credentials: "[profile p]\naws_access_key_id=P\naws_secret_access_key=s\n",
        result: nil
    ),
    PrecedenceTests.Row(
        "a profile that is not there, with keys in the environment",
        environment: ["AWS_PROFILE": "p", "AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s"],
        config: nil,
        credentials: nil,
        result: nil
    ),
    PrecedenceTests.Row(
        "the last of two sections for default",
        environment: [:],
        config: "[default]\nregion=a\n[profile default]\nregion=b\n",
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "FILE", token: nil, region: "b", endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "the last of two sections for default, the other way round",
        environment: [:],
        config: "[profile default]\nregion=b\n[default]\nregion=a\n",
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "FILE", token: nil, region: "a", endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "settings of credentials before those of config",
        environment: [:],
        config: "[default]\nregion=a\n",
        credentials: "[default]\nregion=b\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "FILE", token: nil, region: "b", endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "the region of the environment",
        environment: ["AWS_DEFAULT_REGION": "e"],
        config: "[default]\nregion=a\n",
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "FILE", token: nil, region: "e", endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "half a key in the environment",
        environment: ["AWS_ACCESS_KEY_ID": "ENV"],
        config: nil,
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: nil
    ),
    PrecedenceTests.Row(
        "half a key in credentials",
        environment: [:],
        config: nil,
        credentials: "[default]\naws_access_key_id=FILE\n",
        result: nil
    ),
    PrecedenceTests.Row(
        "an empty variable",
        environment: ["AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""],
        config: nil,
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "FILE", token: nil, region: nil, endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "the older name of the token",
        environment: [:],
        config: nil,
        credentials:
            "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\naws_session_token=new\naws_security_token=old\n",
        result: PrecedenceTests.Result(key: "FILE", token: "old", region: nil, endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "an endpoint for all",
        environment: ["AWS_ENDPOINT_URL": "http://all"],
        config: "[default]\nendpoint_url=http://file\n",
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "FILE", token: nil, region: nil, endpoint: "http://all", style: nil)
    ),
    PrecedenceTests.Row(
        "an endpoint for S3",
        environment: ["AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_S3": "http://s3"],
        config: nil,
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "FILE", token: nil, region: nil, endpoint: "http://s3", style: nil)
    ),
    PrecedenceTests.Row(
        "an endpoint of the profile",
        environment: [:],
        config: "[default]\nendpoint_url=http://file\n",
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "FILE", token: nil, region: nil, endpoint: "http://file", style: nil)
    ),
    PrecedenceTests.Row(
        "an endpoint of a services section",
        environment: [:],
        config:
            "[default]\nendpoint_url=http://file\nservices=mine\n[services mine]\ns3=\n  endpoint_url=http://section\n",
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "FILE", token: nil, region: nil, endpoint: "http://section", style: nil)
    ),
    PrecedenceTests.Row(
        "an endpoint for all before a services section",
        environment: ["AWS_ENDPOINT_URL": "http://all"],
        config: "[default]\nservices=mine\n[services mine]\ns3=\n  endpoint_url=http://section\n",
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "FILE", token: nil, region: nil, endpoint: "http://all", style: nil)
    ),
    PrecedenceTests.Row(
        "a services section without S3",
        environment: [:],
        config:
            "[default]\nendpoint_url=http://file\nservices=mine\n[services mine]\nec2=\n  endpoint_url=http://section\n",
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "FILE", token: nil, region: nil, endpoint: "http://file", style: nil)
    ),
    PrecedenceTests.Row(
        "a services section that is not there",
        environment: [:],
        config: "[default]\nservices=mine\n",
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: nil
    ),
    PrecedenceTests.Row(
        "endpoints ignored by the environment",
        environment: ["AWS_ENDPOINT_URL_S3": "http://s3", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE"],
        config: nil,
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "FILE", token: nil, region: nil, endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "endpoints ignored by the profile",
        environment: [:],
        config: "[default]\nendpoint_url=http://file\nignore_configured_endpoint_urls=true\n",
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "FILE", token: nil, region: nil, endpoint: nil, style: nil)
    ),
    PrecedenceTests.Row(
        "the addressing style of the profile",
        environment: [:],
        config: "[default]\ns3=\n  addressing_style=virtual\n",
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: PrecedenceTests.Result(key: "FILE", token: nil, region: nil, endpoint: nil, style: "virtual")
    ),
    PrecedenceTests.Row(
        "a role in the profile",
        environment: [:],
        config: "[default]\nrole_arn=arn:aws:iam::123456789012:role/x\nsource_profile=b\n[profile b]\nregion=x\n",
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: nil
    ),
    PrecedenceTests.Row(
        "a broken config",
        environment: [:],
        config: "region=x\n",
        credentials: "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n",
        result: nil
    ),
]
