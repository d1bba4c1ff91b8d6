import SigV4
import Testing

/// The examples of the Amazon S3 API reference ("Signature calculations for the Authorization header", "Authenticating
/// requests: using query parameters").
@Suite(.timeLimit(.minutes(1))) struct PublishedExampleTests {
    private let host = "examplebucket.s3.amazonaws.com"
    /// 2013-05-24T00:00:00Z.
    private let time = SigningTime(secondsSince1970: 1_369_353_600)
    private let signer: SigV4Signer

    init() throws {
        let credentials = try #require(
            SigV4Credentials(
                accessKeyID: "AKIAIOSFODNN7EXAMPLE",
                secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
            )
        )
        signer = SigV4Signer(credentials: credentials, region: "us-east-1")
    }

    @Test func aRangeOfAnObject() {
        expect(
            SigV4Request(method: "GET", host: host, path: "/test.txt", headers: [("Range", "bytes=0-9")]),
            signs: "host;range;x-amz-content-sha256;x-amz-date",
            as: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        )
    }

    @Test func anObjectIsPut() {
        expect(
            SigV4Request(
                method: "PUT",
                host: host,
                path: SigV4Encoding.path("/test$file.text"),
                headers: [
                    ("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ],
                payload: .bytes(Array("Welcome to Amazon S3.".utf8))
            ),
            signs: "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            as: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        )
    }

    @Test func aQueryThatIsAName() {
        expect(
            SigV4Request(method: "GET", host: host, path: "/", query: [("lifecycle", "")]),
            signs: "host;x-amz-content-sha256;x-amz-date",
            as: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        )
    }

    @Test func aListOfObjects() {
        expect(
            SigV4Request(method: "GET", host: host, path: "/", query: [("prefix", "J"), ("max-keys", "2")]),
            signs: "host;x-amz-content-sha256;x-amz-date",
            as: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        )
    }

    @Test func aPresignedRequest() {
        let request = SigV4Request(method: "GET", host: host, path: "/test.txt")
        #expect(
            signer.presign(request, lifetime: 86_400, at: time)
                == [
                    "X-Amz-Algorithm=AWS4-HMAC-SHA256",
                    "X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request",
                    "X-Amz-Date=20130524T000000Z",
                    "X-Amz-Expires=86400",
                    "X-Amz-SignedHeaders=host",
                    "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
                ].joined(separator: "&")
        )
    }

    private func expect(_ request: SigV4Request, signs headers: String, as signature: String) {
        let fields = signer.sign(request, at: time)
        #expect(
            fields.first { $0.name == "Authorization" }?.value
                == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                + "SignedHeaders=\(headers), Signature=\(signature)"
        )
        #expect(fields.first { $0.name == "X-Amz-Date" }?.value == "20130524T000000Z")
    }
}
