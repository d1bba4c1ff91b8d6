import SigV4
import Storage
import Testing

@testable import S3Storage

@Suite(.timeLimit(.minutes(1))) struct CredentialSourceTests {
    private func error(_ environment: [String: String], config: String? = nil, credentials: String? = nil) throws
        -> String
    {
        let files = try AWSSharedFiles(config: config.map { ("/c", $0) }, credentials: credentials.map { ("/s", $0) })
        let error = try #require(throws: StorageError.self) {
            try CredentialSource(environment: environment, files: files)
        }
        #expect(error.kind == .configuration)
        return error.message
    }

    @Test func whereCredentialsCanComeFromIsSaidWhenThereAreNone() throws {
        let message = try error([:])
        #expect(message.contains("profile 'default'"))
        for way in ["AWS_ACCESS_KEY_ID", "aws_access_key_id", "credential_process"] { #expect(message.contains(way)) }
    }

    @Test(arguments: ["role_arn", "sso_account_id", "sso_start_url", "web_identity_token_file", "login_session"])
    func aLoginThatIsNotSupportedIsSaidSoInsteadOfPassedOver(setting: String) throws {
        let config = "[profile dev]\n\(setting) = x\naws_access_key_id = CONFIG\naws_secret_access_key = s3cret\n"
        let message = try error(["AWS_PROFILE": "dev"], config: config)
        #expect(message.hasPrefix("'\(setting)' in /c line 2 asks for a login that klingd does not make itself: "))
        #expect(message.contains("aws configure export-credentials --profile dev") && !message.contains("s3cret"))
    }

    @Test func halfAKeyIsNamedWithTheOther() throws {
        #expect(
            try error(["AWS_ACCESS_KEY_ID": "x"]) == "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY"
        )
        #expect(
            try error(["AWS_SECRET_ACCESS_KEY": "x"]) == "AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID"
        )
        #expect(
            try error([:], credentials: "[default]\naws_secret_access_key = s3cret\n")
                == "'aws_secret_access_key' in /s line 2 is set without 'aws_access_key_id'"
        )
    }

    @Test func aKeyThatCouldBreakOutOfItsFieldIsRefusedWithoutShowingIt() throws {
        let message = try error(["AWS_ACCESS_KEY_ID": "s3c\r\nX: ret", "AWS_SECRET_ACCESS_KEY": "s3cret"])
        #expect(message.hasPrefix("AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: ") && !message.contains("s3c"))
    }

    @Test func whiteSpaceAroundAKeyIsDropped() throws {
        let environment = ["AWS_ACCESS_KEY_ID": " AKID\n", "AWS_SECRET_ACCESS_KEY": "s3cret\n"]
        guard
            case .keys(let keys) = try CredentialSource(
                environment: environment,
                files: AWSSharedFiles(config: nil, credentials: nil)
            )
        else {
            Issue.record("no keys")
            return
        }
        #expect(keys.credentials.accessKeyID == "AKID")
    }
}
