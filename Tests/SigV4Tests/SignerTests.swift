import Testing

@testable import SigV4

@Suite(.timeLimit(.minutes(1))) struct SignerTests {
    private let time = SigningTime(secondsSince1970: 1_369_353_600)
    private let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    private let token = "AQoDYXdzEPT//////////wEXAMPLEtoken=="

    private func credentials() throws -> SigV4Credentials {
        try #require(
            SigV4Credentials(accessKeyID: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: secret, sessionToken: token)
        )
    }

    @Test func noDescriptionShowsASecret() throws {
        let credentials = try credentials()
        let signer = SigV4Signer(credentials: credentials, region: "us-east-1")
        for value in [credentials as Any, signer, [credentials], Optional(credentials) as Any] {
            var dumped = ""
            dump(value, to: &dumped)
            for shown in ["\(value)", String(reflecting: value), dumped] {
                #expect(!shown.contains("bPxRfi") && !shown.contains("AQoD") && !shown.contains("AKIA"))
            }
        }
        #expect("\(credentials)" == "access key ...MPLE with a session token")
    }

    @Test func whatIsShownOfTheStepsHidesTheToken() throws {
        let signer = SigV4Signer(credentials: try credentials(), region: "us-east-1")
        let request = SigV4Request(method: "GET", host: "h", path: "/")
        let shown = signer.steps(of: request, at: time)
        let actual = signer.steps(of: request, at: time, showsToken: true)
        #expect(!shown.canonicalRequest.contains(token) && shown.canonicalRequest.contains("token:SESSION-TOKEN\n"))
        #expect(actual.canonicalRequest.contains("x-amz-security-token:\(token)\n"))
        #expect(shown.stringToSign == actual.stringToSign)
    }

    @Test func credentialsThatCouldBreakOutOfTheirFieldAreNone() {
        for text in ["", "a b", "a\r\nX: y", "schlüssel"] {
            #expect(SigV4Credentials(accessKeyID: text, secretAccessKey: secret) == nil)
            #expect(SigV4Credentials(accessKeyID: "a", secretAccessKey: secret, sessionToken: text) == nil)
        }
        #expect(SigV4Credentials(accessKeyID: "a", secretAccessKey: "") == nil)
    }

    @Test func aRequestThatWasSignedBeforeIsSignedAfresh() throws {
        let signer = SigV4Signer(credentials: try credentials(), region: "us-east-1")
        var request = SigV4Request(method: "GET", host: "h:1", path: "/k", headers: [("Range", "bytes=0-1")])
        let first = signer.sign(request, at: time)
        request.headers += first + [("Host", "other")]
        let second = signer.sign(request, at: time)
        #expect(first.map(\.name) == second.map(\.name) && first.map(\.value) == second.map(\.value))
    }

    @Test func aPayloadThatIsNotVouchedForIsSaidToBeSo() throws {
        let signer = SigV4Signer(credentials: try credentials(), region: "us-east-1")
        let request = SigV4Request(method: "PUT", host: "h", path: "/k", payload: .unsigned)
        #expect(signer.sign(request, at: time).contains { $0 == ("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") })
        #expect(signer.steps(of: request, at: time).canonicalRequest.hasSuffix("\nUNSIGNED-PAYLOAD"))
        #expect(SigV4Payload.sha256(hex: "ABC").text == "abc")
    }

    @Test func aLifetimeThatNoServiceTakesIsBroughtIntoRange() throws {
        let signer = SigV4Signer(credentials: try credentials(), region: "us-east-1")
        let request = SigV4Request(method: "GET", host: "h", path: "/k", query: [("versionId", "3")])
        #expect(signer.presign(request, lifetime: 1_000_000, at: time).contains("&X-Amz-Expires=604800&"))
        #expect(signer.presign(request, lifetime: 0, at: time).contains("&X-Amz-Expires=1&"))
        #expect(signer.presign(request, lifetime: 60, at: time).contains("&versionId=3&"))
    }

    @Test(
        arguments: [
            (0, "19700101T000000Z"), (951_782_400, "20000229T000000Z"), (1_709_251_199, "20240229T235959Z"),
            (-1, "19700101T000000Z"), (253_402_300_799, "99991231T235959Z"), (.max, "99991231T235959Z"),
        ] as [(Int64, String)]
    )
    func aMomentIsWrittenInUTC(seconds: Int64, expected: String) {
        #expect(SigningTime(secondsSince1970: seconds).timestamp == expected)
    }
}
