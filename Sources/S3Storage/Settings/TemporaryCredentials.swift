import JSON
import SigV4
import Storage

/// Credentials with the moment they end, if there is one.
struct TemporaryCredentials: Sendable, Hashable {
    var credentials: SigV4Credentials
    /// In seconds since 1970; `nil` when they do not end.
    var expires: Int64?
    /// What holds them, for a person who has to correct them.
    var origin: String
}

extension TemporaryCredentials {
    /// Reads what a `credential_process` writes: an object with `Version` 1, `AccessKeyId`, `SecretAccessKey` and, when
    /// they are temporary, `SessionToken` and `Expiration` (AWS SDKs and Tools Reference, "Process credential provider").
    ///
    /// Throws ``StorageErrorKind/configuration`` with `origin`, and with no part of the output.
    init(processOutput output: [UInt8], origin: String) throws(StorageError) {
        func wrong(_ why: String) -> StorageError {
            StorageError(.configuration, "the program of \(origin) wrote \(why)")
        }
        guard let object = try? JSONValue.parse(output).objectValue else { throw wrong("something other than JSON") }
        guard object["Version"] == 1 else { throw wrong("no \"Version\": 1; this version alone is known") }
        guard let id = object["AccessKeyId"]?.stringValue, let secret = object["SecretAccessKey"]?.stringValue else {
            throw wrong("no AccessKeyId or no SecretAccessKey")
        }
        func optional(_ name: String) throws(StorageError) -> String? {
            guard let value = object[name], !value.isNull else { return nil }
            guard let text = value.stringValue else { throw wrong("a \(name) that is no string") }
            return text
        }
        let token = try optional("SessionToken")
        guard let keys = SigV4Credentials(accessKeyID: id, secretAccessKey: secret, sessionToken: token) else {
            throw wrong("an empty key, or one with what no key has in it")
        }
        self.origin = "the program of \(origin)"
        credentials = keys
        expires = try optional("Expiration").map { text throws(StorageError) in
            guard let moment = InternetTime.seconds(text) else { throw wrong("an Expiration that is no RFC 3339 time") }
            return moment
        }
    }
}
