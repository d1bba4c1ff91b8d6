import SigV4
import Testing

/// What an independent signer, botocore 1.43.11, makes of names that are easily got wrong: its `S3SigV4Auth` and
/// `S3SigV4QueryAuth` with the values of this file. A row with a body is a PUT, another a GET.
@Suite(.timeLimit(.minutes(1))) struct HostileNameTests {
    struct Row: Sendable, CustomTestStringConvertible {
        /// As it is meant, below a bucket in the path.
        let key: String
        let query: [(name: String, value: String)]
        let headers: [(name: String, value: String)]
        let hasToken: Bool
        let body: String
        let signedHeaders: String
        let signature: String
        /// The signature of the presigned GET without `headers`; `nil` where botocore cannot make one, as for names that
        /// come twice.
        let presigned: String?

        var testDescription: String { "\(key) \(query) \(headers)" }
    }

    /// 2026-11-25T23:59:59Z.
    private let time = SigningTime(secondsSince1970: 1_795_651_199)

    @Test(arguments: rows) func isSignedAsByAnother(row: Row) throws {
        let credentials = try #require(
            SigV4Credentials(
                accessKeyID: "test:tester",
                secretAccessKey: "s3cr/t+Key=",
                sessionToken: row.hasToken ? "FwoGZXIvYXdzEBYaDO+/=token//8=" : nil
            )
        )
        let signer = SigV4Signer(credentials: credentials, region: "eu-north-1")
        var request = SigV4Request(
            method: row.body.isEmpty ? "GET" : "PUT",
            host: "127.0.0.1:8333",
            path: SigV4Encoding.path("/bucket/" + row.key),
            query: row.query,
            headers: row.headers,
            payload: .bytes(Array(row.body.utf8))
        )
        #expect(
            signer.sign(request, at: time).last?.value
                == "AWS4-HMAC-SHA256 Credential=test:tester/20261125/eu-north-1/s3/aws4_request, "
                + "SignedHeaders=\(row.signedHeaders), Signature=\(row.signature)"
        )
        guard let presigned = row.presigned else { return }
        request.method = "GET"
        request.headers = []
        #expect(signer.presign(request, lifetime: 3600, at: time).hasSuffix("&X-Amz-Signature=\(presigned)"))
    }
}

private let rows: [HostileNameTests.Row] = [
    HostileNameTests.Row(
        key: "plain.png",
        query: [],
        headers: [],
        hasToken: false,
        body: "",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date",
        signature: "8efb3abb4c461c17d63e882494ddc780b5e506afea30982779803101623cba59",
        presigned: "415c966939ba5773fa6ad3d0ab51abf861e259c293ed13f8d999eb5f69eee0cd"
    ),
    HostileNameTests.Row(
        key: "a b/c  d.png",
        query: [],
        headers: [],
        hasToken: false,
        body: "",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date",
        signature: "a94d2bc66bb8091d57285ad18ad8fe84f97baae2f155e0ff27710cd7aa97d697",
        presigned: "1941f8b827920ef076a60fb3cedaf5c6f17de4ac41f4b7a57c94d830a4729b06"
    ),
    HostileNameTests.Row(
        key: "\u{E9}/\u{FC}/\u{65E5}\u{672C}\u{8A9E}\u{1F3A8}.png",
        query: [],
        headers: [],
        hasToken: false,
        body: "",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date",
        signature: "b35f2ba9624ea73f7662d76106b91a8d05bbcd91c31122612b0f4122201d056e",
        presigned: "999704414b82a92803e02d0ab73dcab48a182b9f81b73210789f4d6398858892"
    ),
    HostileNameTests.Row(
        key: "e\u{301}.png",
        query: [],
        headers: [],
        hasToken: true,
        body: "",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
        signature: "e48fd5c1b742a2a467893aaaaba35fc28814bc8199da934e37f9da624c203d14",
        presigned: "d491cb7b10982ad119d3cbf9e3a9d6e60f838abbf2e39fed0b25b7c0c9a92afa"
    ),
    HostileNameTests.Row(
        key: "a+b=c&d?e#f.png",
        query: [],
        headers: [],
        hasToken: false,
        body: "body",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date",
        signature: "faf1856c0d641ae5023f5f0587f70d14b15f8b8090e782cef8a9b9e41e8963bb",
        presigned: "dc64c789eccc4158822691c6abb77bed4a978ce53621ff9af452a92e7c969cc1"
    ),
    HostileNameTests.Row(
        key: "~tilde_-.png",
        query: [],
        headers: [],
        hasToken: false,
        body: "",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date",
        signature: "8d4ed42e3d1648125f7450e608dc4f7d35636fab6133a6a33cef7a272c168207",
        presigned: "db2497ee1fc4902d4c799e5843083f2e5b9bd32f6b61c1e7d2f5aae498878a46"
    ),
    HostileNameTests.Row(
        key: "%2F%zz%.png",
        query: [],
        headers: [],
        hasToken: false,
        body: "",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date",
        signature: "770918606b3d6d19c442e3dce3781175af2e5e5a270a3cff6d5c2d20f4f948e5",
        presigned: "3ef1451c0d8f641ded3c15d4d517d70e5d948c13cdbb2962991ccd7a74e8152e"
    ),
    HostileNameTests.Row(
        key: "//double//slash//",
        query: [],
        headers: [],
        hasToken: false,
        body: "",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date",
        signature: "6d15f2ed0853e8a29ae82d4d779d45fb392a9afac39241fbc759e585283e5725",
        presigned: "2d619ec24ad6cd3ca91e5f6e1021fcbfe129926ab4bc8f92147886d716f9e962"
    ),
    HostileNameTests.Row(
        key: "a/../b/./c",
        query: [],
        headers: [],
        hasToken: false,
        body: "",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date",
        signature: "54ecc3a2b1a5331a71c85163f5150ba04642c2426d061b008419288d27c0135e",
        presigned: "3c87b6b64f6f65df8c2909b1f8341eed90fa1264490374db3f92315ac31bd139"
    ),
    HostileNameTests.Row(
        key: "(paren)'quote'!*.png",
        query: [],
        headers: [],
        hasToken: true,
        body: "",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
        signature: "713f3bd87b0aa922dd72e119e9865c5f95b4c46a9e1d5b6b07559fd80bcdee17",
        presigned: "22a05604a8e1d2b258d336c664f4f57b35dfd44eae2ef5301b576a560b4ebce8"
    ),
    HostileNameTests.Row(
        key: "$:@;,[]{}|^`\u{22}<>\u{5C}",
        query: [],
        headers: [],
        hasToken: false,
        body: "",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date",
        signature: "d469e0babaf33b598d9ae24e29974f4317ce3bbf2c4e6145cdcab78331866109",
        presigned: "4d0e8c9b7ccc56e48cac25ed0f6e30029aa461d7449c2019d063481e222a7ccb"
    ),
    HostileNameTests.Row(
        key: "",
        query: [("list-type", "2"), ("prefix", "a b/+\u{E9}"), ("max-keys", "1000")],
        headers: [],
        hasToken: false,
        body: "",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date",
        signature: "9408390f30d3f63316e8cf6645c8e7347156df3a85eec4f6ca8cd31faf531266",
        presigned: "e5b6cb0a3086cbdc2f67dbb0fc7378be45646f19265de1b3989a8b78ab0b978d"
    ),
    HostileNameTests.Row(
        key: "",
        query: [("uploads", "")],
        headers: [],
        hasToken: false,
        body: "",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date",
        signature: "4cce4fe1e6b8c1a5b7fa26653831041f4739c13a8b727efbf3ee798396ebf0c2",
        presigned: "1fd3dad13ac3a6e0ae9c9c122968d0429365ef8cd74ad13c6396f982af3c4538"
    ),
    HostileNameTests.Row(
        key: "",
        query: [("b", ""), ("a", ""), ("B", "1"), ("A", "2")],
        headers: [],
        hasToken: false,
        body: "",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date",
        signature: "95cc3f3293ea7fc575e9112ed53927a008c87896c6df359e8701c4c55d247a27",
        presigned: "0bbfd557b0a72d23a1913c78826378035c67d7b35fd663ddb437f70860886b02"
    ),
    HostileNameTests.Row(
        key: "",
        query: [("continuation-token", "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=")],
        headers: [],
        hasToken: true,
        body: "",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
        signature: "59dc46cfc40f8343a226b44a4bbad59904e503d3eb7395769447be55b56ba447",
        presigned: "39205b785aa76c18defe3b1411dade846720fec7a701e66837938097c77f4cba"
    ),
    HostileNameTests.Row(
        key: "",
        query: [("x y", "~-_.!*'()"), ("\u{E9}", "%41"), ("x", "2"), ("x-", "1"), ("x.", "0")],
        headers: [],
        hasToken: false,
        body: "",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date",
        signature: "f53a20485bf0185ac164d422f2267f71a05e0d10bd6709d5c6b4116514453352",
        presigned: "1e4d3df73b579aa689ae66b4bfdd1d7b0e91d5bc0732dd6cdb4f06c9de10c5ab"
    ),
    HostileNameTests.Row(
        key: "k",
        query: [("same", "b"), ("same", "a"), ("same", "")],
        headers: [],
        hasToken: false,
        body: "",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date",
        signature: "c9f5c0648a75f12a3228796511ee334bba255745aa91f0b2567282b141beb899",
        presigned: nil
    ),
    HostileNameTests.Row(
        key: "k",
        query: [],
        headers: [
            ("Content-Type", "  image/png;   charset=x  "), ("X-Amz-Meta-B", "\u{9}a  b\u{9} c "),
            ("X-Amz-Meta-a", "Z"), ("Content-MD5", "CY9rzUYh03PK3k6DJie09g=="),
        ],
        hasToken: true,
        body: "test",
        signedHeaders:
            "content-md5;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-a;x-amz-meta-b;x-amz-security-token",
        signature: "08d5529d5d238046c06edc4802580f82190648fec900bcc00b7c43e20366039a",
        presigned: "db66eb64c9a671a610aaa8fd61ae7c3547d3f04951dcf4acebea348635573f1c"
    ),
    HostileNameTests.Row(
        key: "k",
        query: [],
        headers: [("x-amz-meta-1", "1"), ("x-amz-meta-10", "10"), ("x-amz-meta", "0"), ("x-amz-meta-e", "")],
        hasToken: false,
        body: "",
        signedHeaders: "host;x-amz-content-sha256;x-amz-date;x-amz-meta;x-amz-meta-1;x-amz-meta-10;x-amz-meta-e",
        signature: "cdddfa17f13ff4ea58ef44964135f940321710aed1ee6a56d9f28faed1edd451",
        presigned: "c7783344205886d544105a09bedb2fe519c8bb8d777b41931da64086e3fd482d"
    ),
    HostileNameTests.Row(
        key: "k",
        query: [],
        headers: [("If-None-Match", "*"), ("Range", "bytes=0-9")],
        hasToken: false,
        body: "",
        signedHeaders: "host;if-none-match;range;x-amz-content-sha256;x-amz-date",
        signature: "73008feb916817a6b50e5e6d5bfc02c9d666b79b8c06a880f19bd17195b2b0c9",
        presigned: "c7783344205886d544105a09bedb2fe519c8bb8d777b41931da64086e3fd482d"
    ),
]
