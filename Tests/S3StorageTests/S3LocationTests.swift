import HTTPTransport
import Storage
import Testing

@testable import S3Storage

@Suite struct S3LocationTests {
    private func location(
        _ url: String,
        endpoint: String? = nil,
        region: String = "us-east-1",
        style: S3AddressingStyle? = nil
    ) throws -> S3Location {
        try S3Location(url: StorageURL(url), endpoint: endpoint.map { try HTTPURL($0) }, region: region, style: style)
    }

    /// URL, endpoint, region, style, and where the key `a b/é` then is.
    private static let places: [(String, String?, String, S3AddressingStyle?, String)] = [
        ("s3://pictures", nil, "us-east-1", nil, "https://pictures.s3.us-east-1.amazonaws.com/a(b)/c"),
        (
            "s3://pictures/kling/raw", nil, "eu-west-1", nil,
            "https://pictures.s3.eu-west-1.amazonaws.com/kling/raw/a(b)/c"
        ),
        ("s3://pictures", nil, "eu-west-1", .path, "https://s3.eu-west-1.amazonaws.com/pictures/a(b)/c"),
        // A certificate for *.s3… does not cover one more dot.
        ("s3://my.pictures", nil, "us-east-1", nil, "https://s3.us-east-1.amazonaws.com/my.pictures/a(b)/c"),
        ("s3://pictures", nil, "cn-north-1", nil, "https://pictures.s3.cn-north-1.amazonaws.com.cn/a(b)/c"),
        ("s3://pictures", "http://127.0.0.1:8333", "x", nil, "http://127.0.0.1:8333/pictures/a(b)/c"),
        ("s3://pictures/p", "https://s3.example.com/", "x", nil, "https://s3.example.com/pictures/p/a(b)/c"),
        ("s3://pictures", "https://s3.example.com", "x", .virtual, "https://pictures.s3.example.com/a(b)/c"),
        ("s3://pictures", "http://localhost:8333", "x", .virtual, "http://pictures.localhost:8333/a(b)/c"),
    ]

    @Test(arguments: places.indices) func aKeyHasOneAddress(index: Int) throws {
        let (url, endpoint, region, style, expected) = Self.places[index]
        let location = try location(url, endpoint: endpoint, region: region, style: style)
        let address = try location.url(path: location.path(of: "a(b)/c"), query: "")
        // Encoded once, as it is signed.
        #expect(address.text == expected.replacing("(", with: "%28").replacing(")", with: "%29"))
    }

    @Test func theBucketItselfHasAnAddress() throws {
        let path = try location("s3://pictures/p", endpoint: "https://s3.example.com")
        #expect(path.path(of: nil) == "/pictures")
        let virtual = try location("s3://pictures/p", endpoint: "https://s3.example.com", style: .virtual)
        #expect(virtual.path(of: nil) == "/")
    }

    @Test func amazonsAddressFollowsTheRegionAndAChosenOneDoesNot() throws {
        #expect(try location("s3://pictures").inRegion("eu-west-1").host == "pictures.s3.eu-west-1.amazonaws.com")
        let own = try location("s3://pictures", endpoint: "https://s3.example.com")
        #expect(own.inRegion("eu-west-1") == own)
    }

    /// What is wrong, and the setting that its error names.
    @Test(
        arguments: [
            ("s3://ab", nil, "bucket"), ("s3://-abc", nil, "bucket"), ("s3://pictures/.hidden", nil, ".hidden"),
            ("s3://pictures", "http://s3.example.com", "AWS_ENDPOINT_URL_S3 with https://"),
            ("s3://pictures", "http://192.168.1.1:9000", "AWS_ENDPOINT_URL_S3 with https://"),
            ("s3://pictures", "https://s3.example.com/base", "AWS_ENDPOINT_URL_S3"),
            ("s3://pictures", "https://user:pw@s3.example.com", "AWS_ENDPOINT_URL_S3"),
            ("file:///pictures", nil, "s3://"),
        ] as [(String, String?, String)]
    )
    func whatCanBeNoBucketIsRefused(url: String, endpoint: String?, named: String) throws {
        let error = #expect(throws: StorageError.self) { try location(url, endpoint: endpoint) }
        #expect(error?.kind == .configuration)
        #expect(error?.message.contains(named) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("pw") != true)
    }
}
