/// What proves to an AWS-compatible service who asks. No description of it shows anything that lets others ask.
package struct SigV4Credentials: Sendable, Hashable {
    /// Names the key in every request; no secret by itself.
    package let accessKeyID: String
    let secretAccessKey: String
    /// Goes with temporary keys, and with every request signed by them.
    let sessionToken: String?

    /// `nil` when the access key ID or the secret is empty, or when the ID or the token holds what cannot stand in a
    /// header field: anything but printable ASCII without spaces.
    package init?(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil) {
        guard Self.canBeSent(accessKeyID), !secretAccessKey.isEmpty, sessionToken.map(Self.canBeSent) != false else {
            return nil
        }
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
    }

    /// The text without the secrets of these credentials, for showing what somebody else wrote.
    package func redact(_ text: String) -> String {
        ([secretAccessKey] + (sessionToken.map { [$0] } ?? [])).reduce(text) { text, secret in
            text.replacing(secret, with: "[redacted]")
        }
    }

    private static func canBeSent(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }
}

extension SigV4Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The end of the access key ID, as the AWS command line shows it: enough to tell keys apart.
    package var description: String {
        let end = accessKeyID.utf8.count >= 12 ? "access key ...\(accessKeyID.suffix(4))" : "access key"
        return sessionToken == nil ? end : end + " with a session token"
    }

    package var debugDescription: String { description }

    package var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
