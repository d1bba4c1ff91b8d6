import GenerationTasks
import HTTPTransport
import Logging
import S3Storage
import Storage

extension S3Storage {
    /// The bucket that `url` names, set up by the AWS variables and files, which are read now.
    convenience init(
        url: StorageURL,
        environment: Environment,
        log: Logger
    ) throws(StorageError) {
        let variables = environment.variables
        let settings = try S3Settings(
            environment: variables,
            files: AWSSharedFiles.read(environment: variables)
        )
        let clock = ContinuousClock()
        let start = clock.now
        let surroundings = S3Surroundings(
            date: { SystemTime().date.milliseconds / 1000 },
            now: { start.duration(to: clock.now) },
            sleep: { try await clock.sleep(for: $0) },
            jitter: { Double.random(in: 0..<1) }
        )
        let transport = HTTPTransport(
            configuration: HTTPTransportConfiguration(
                connectTimeout: .seconds(5),
                idleTimeout: .seconds(30),
                proxies: ProxyEnvironment(variables),
                certificateFile: settings.caFile?.value ?? environment["SSL_CERT_FILE"],
                userAgent: "klingd/\(Klingd.version)"
            ),
            logger: log
        )
        try self.init(
            url: url,
            options: S3StorageOptions(settings),
            credentials: AWSCredentials(environment: variables, now: surroundings.date) { error in
                log.warning("S3 credentials were not renewed: \(error.message)")
            },
            transport: transport,
            surroundings: surroundings,
            log: log
        )
    }
}
