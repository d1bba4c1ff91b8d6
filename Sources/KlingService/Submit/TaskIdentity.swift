import Crypto
import GenerationTasks
import KlingAPI

/// What makes a task findable again, by us and at the provider.
enum TaskIdentity {
    /// Two requests are the same one when the provider gets the same parameters and the images the same place.
    static func fingerprint(of request: ImageGenerationRequest, storage: String) -> String {
        var hash = SHA256()
        hash.update(data: request.body(externalTaskID: request.externalTaskID))
        hash.update(data: [0])
        hash.update(data: Array(storage.utf8))
        return hash.finalize().hex
    }

    /// What the provider is told: the caller's own; with a key something that the same request gives again even after
    /// the ledger was lost; else our id.
    static func externalTaskID(
        given: String?,
        key: String?,
        account: String,
        fingerprint: String,
        id: TaskID
    ) -> String {
        if let given { return given }
        guard let key else { return id.description }
        var hash = SHA256()
        // The lengths keep two different pairs from being written alike.
        for part in [account, key, fingerprint] {
            hash.update(data: Array("\(part.utf8.count):\(part)".utf8))
        }
        return "klingd-" + String(hash.finalize().hex.prefix(40))
    }
}

/// Names who pays without telling the key.
package enum AccountFingerprint {
    /// The salt is the ledger's, so that the same key is not recognisable elsewhere.
    package static func account(provider: String, baseURL: String, key: String, salt: [UInt8]) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: Array(key.utf8), using: SymmetricKey(data: salt))
        return "\(provider) \(baseURL) \(code.hex.prefix(16))"
    }
}
