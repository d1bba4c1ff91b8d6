import Storage
import Testing

@testable import S3Storage

@Suite(.timeLimit(.minutes(1))) struct S3SettingsTests {
    private func settings(
        _ environment: [String: String] = [:],
        config: String? = nil,
        credentials: String? = nil
    ) throws -> S3Settings {
        let files = try AWSSharedFiles(
            config: config.map { ("/c", $0) },
            credentials: credentials.map { ("/s", $0) }
        )
        return try S3Settings(environment: environment, files: files)
    }

    @Test func nothingIsSetWhenNothingSaysSo() throws {
        let settings = try settings()
        #expect(settings.endpoint == nil && settings.region == nil && settings.addressingStyle == nil)
        #expect(settings.caFile == nil && settings.maxAttempts == nil && settings.requestChecksums == nil)
    }

    @Test func everySettingIsFoundInTheProfileWithItsPlace() throws {
        let settings = try settings(
            config: """
                [default]
                region = eu-north-1
                endpoint_url = http://127.0.0.1:9000
                ca_bundle = /etc/ca.pem
                max_attempts = 7
                request_checksum_calculation = WHEN_REQUIRED
                s3 =
                    addressing_style = path
                """
        )
        #expect(settings.region == ConfiguredValue("eu-north-1", origin: "'region' in /c line 2"))
        #expect(settings.endpoint == ConfiguredValue("http://127.0.0.1:9000", origin: "'endpoint_url' in /c line 3"))
        #expect(settings.caFile == ConfiguredValue("/etc/ca.pem", origin: "'ca_bundle' in /c line 4"))
        #expect(settings.maxAttempts == ConfiguredValue(7, origin: "'max_attempts' in /c line 5"))
        #expect(settings.requestChecksums?.value == .whenRequired)
        #expect(settings.addressingStyle == ConfiguredValue(.path, origin: "'s3.addressing_style' in /c line 8"))
    }

    @Test func variablesCountBeforeFiles() throws {
        let settings = try settings(
            [
                "AWS_REGION": "a", "AWS_DEFAULT_REGION": "b", "AWS_CA_BUNDLE": "~/ca.pem", "AWS_MAX_ATTEMPTS": "2",
                "AWS_REQUEST_CHECKSUM_CALCULATION": "when_supported", "HOME": "/home/u",
            ],
            config: "[default]\nregion=c\nca_bundle=/d\nmax_attempts=3\nrequest_checksum_calculation=when_required\n"
        )
        #expect(settings.region == ConfiguredValue("a", origin: "AWS_REGION"))
        #expect(settings.caFile == ConfiguredValue("/home/u/ca.pem", origin: "AWS_CA_BUNDLE"))
        #expect(settings.maxAttempts?.value == 2 && settings.requestChecksums?.value == .whenSupported)
    }

    @Test(arguments: [
        ("region = a\n  b", "'region' in /c line 2 must be the name of a region, such as us-east-1"),
        ("region = eu/north", "'region' in /c line 2 must be the name of a region, such as us-east-1"),
        ("max_attempts = 0", "'max_attempts' in /c line 2 must be a number from 1"),
        ("max_attempts = many", "'max_attempts' in /c line 2 must be a number from 1"),
        ("s3 =\n  addressing_style = host", "'s3.addressing_style' in /c line 3 must be 'auto' or 'path' or 'virtual'"),
        (
            "request_checksum_calculation = never",
            "'request_checksum_calculation' in /c line 2 must be 'when_supported' or 'when_required'"
        ),
        (
            "ignore_configured_endpoint_urls = 1",
            "'ignore_configured_endpoint_urls' in /c line 2 must be 'true' or 'false'"
        ),
        (
            "services = local",
            "'services' in /c line 2 names the section [services local], which is not in the config file"
        ),
    ])
    func aWrongSettingIsNamedWithItsPlace(line: String, message: String) {
        let expected = StorageError(.configuration, message)
        #expect(throws: expected) { try settings(config: "[default]\n\(line)\n") }
    }

    @Test func aProfileThatIsNotThereIsNamed() {
        let environment = ["AWS_PROFILE": "dev", "HOME": "/home/u", "AWS_CONFIG_FILE": "~/aws"]
        let expected = StorageError(
            .configuration,
            "AWS_PROFILE names the profile 'dev', which is neither in /home/u/aws nor /home/u/.aws/credentials"
        )
        #expect(throws: expected) { try settings(environment, config: "[dev]\n") }
    }

    @Test func filesAreReadFromTheHomeFolderAndMayBeMissing() throws {
        let folder = try AWSFolder()
        #expect(try AWSSharedFiles.read(environment: ["HOME": folder.path]).config == nil)
        #expect(try AWSSharedFiles.read(environment: [:]).credentials == nil)
        #expect(try AWSSharedFiles.read(environment: ["AWS_CONFIG_FILE": "/dev/null"]).config == nil)
        try folder.write("[default]\nregion = x\n", to: "config")
        let files = try AWSSharedFiles.read(environment: ["HOME": folder.path, "AWS_CONFIG_FILE": "~/config"])
        #expect(
            try S3Settings(environment: [:], files: files).region?.origin == "'region' in \(folder.path)/config line 2"
        )
    }

    @Test func aFileThatIsNoTextIsNamed() throws {
        let folder = try AWSFolder()
        try folder.write(String(repeating: "#", count: 1 << 20) + "\n", to: "config")
        let error = try #require(throws: StorageError.self) {
            try AWSSharedFiles.read(environment: folder.environment)
        }
        #expect(error == StorageError(.configuration, "\(folder.path)/config must be a text in UTF-8 of at most 1 MiB"))
    }
}
