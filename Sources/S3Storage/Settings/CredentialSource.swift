import SigV4
import Storage

/// Where credentials come from, chosen from the environment and the shared files in the order of the AWS command line.
enum CredentialSource: Sendable {
    case keys(TemporaryCredentials)
    case process(CredentialProcess)

    /// What credentials can come from, for errors.
    static let supported =
        "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile with aws_access_key_id and "
        + "aws_secret_access_key, or one with a credential_process"

    init(environment: [String: String], files: AWSSharedFiles) throws(StorageError) {
        if let keys = try Self.keys(environment) {
            self = .keys(keys)
            return
        }
        let profile = try files.profile(environment)
        if let file = environment.setting("AWS_WEB_IDENTITY_TOKEN_FILE") { throw Self.unsupported(file, profile) }
        for setting in ["role_arn", "web_identity_token_file", "sso_account_id", "sso_start_url"] {
            if let setting = profile[setting] { throw Self.unsupported(setting, profile) }
        }
        if let keys = try files.credentialsProfile(profile.name).flatMap(Self.keys) {
            self = .keys(keys)
        } else if let login = profile["login_session"] {
            throw Self.unsupported(login, profile)
        } else if let command = profile["credential_process"] {
            self = .process(try CredentialProcess(command, environment: environment))
        } else if let keys = try files.configProfile(profile.name).flatMap(Self.keys) {
            self = .keys(keys)
        } else {
            throw StorageError(
                .configuration,
                "no credentials for S3 in the environment or in the profile '\(profile.name)': \(Self.supported)"
            )
        }
    }

    private static func keys(_ environment: [String: String]) throws(StorageError) -> TemporaryCredentials? {
        try keys(
            id: environment.setting("AWS_ACCESS_KEY_ID"),
            secret: environment.setting("AWS_SECRET_ACCESS_KEY"),
            token: environment.setting("AWS_SECURITY_TOKEN") ?? environment.setting("AWS_SESSION_TOKEN"),
            names: ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        )
    }

    private static func keys(_ profile: AWSProfile) throws(StorageError) -> TemporaryCredentials? {
        try keys(
            id: profile["aws_access_key_id"],
            secret: profile["aws_secret_access_key"],
            token: profile["aws_security_token"] ?? profile["aws_session_token"],
            names: ("'aws_access_key_id'", "'aws_secret_access_key'")
        )
    }

    /// `nil` when there is neither half of a key.
    private static func keys(
        id: ConfiguredValue<String>?,
        secret: ConfiguredValue<String>?,
        token: ConfiguredValue<String>?,
        names: (id: String, secret: String)
    ) throws(StorageError) -> TemporaryCredentials? {
        switch (id, secret) {
        case (nil, nil): return nil
        case (let id?, nil): throw id.error("is set without \(names.secret)")
        case (nil, let secret?): throw secret.error("is set without \(names.id)")
        case (let id?, let secret?):
            let keys = SigV4Credentials(
                accessKeyID: String(id.value.trimmed),
                secretAccessKey: String(secret.value.trimmed),
                sessionToken: token.map { String($0.value.trimmed) }
            )
            guard let keys else {
                let origins = [id.origin, secret.origin, token?.origin].compactMap(\.self).joined(separator: ", ")
                throw StorageError(.configuration, "\(origins): empty, or with what no key has in it; copy them anew")
            }
            return TemporaryCredentials(credentials: keys, expires: nil, origin: "\(id.origin) and \(secret.origin)")
        }
    }

    private static func unsupported(_ setting: ConfiguredValue<String>, _ profile: AWSProfile) -> StorageError {
        setting.error(
            "asks for a login that klingd does not make itself: \(supported), such as "
                + "'aws configure export-credentials --profile \(profile.name)'"
        )
    }
}
