/// Bounds and surroundings of all exchanges of one ``HTTPTransport``.
package struct HTTPTransportConfiguration: Sendable {
    /// From the first attempt to the end of the TLS handshake.
    package var connectTimeout: Duration
    /// Without a single byte in either direction; on a single-use connection only while the request goes out.
    package var idleTimeout: Duration
    /// From asking to the last byte of the answer.
    package var requestTimeout: Duration
    /// The same for a download.
    package var downloadTimeout: Duration
    package var proxies: ProxyEnvironment
    /// Path of a PEM file with certificates to trust besides the system's, as `SSL_CERT_FILE` names it.
    package var certificateFile: String?
    package var userAgent: String
    /// Addresses of host names that the system's resolver is not asked for.
    package var addresses: [String: String] = [:]

    package init(
        connectTimeout: Duration = .seconds(10),
        idleTimeout: Duration = .seconds(60),
        requestTimeout: Duration = .seconds(90),
        downloadTimeout: Duration = .seconds(600),
        proxies: ProxyEnvironment = ProxyEnvironment([:]),
        certificateFile: String? = nil,
        userAgent: String = "klingd"
    ) {
        self.connectTimeout = connectTimeout
        self.idleTimeout = idleTimeout
        self.requestTimeout = requestTimeout
        self.downloadTimeout = downloadTimeout
        self.proxies = proxies
        self.certificateFile = certificateFile
        self.userAgent = userAgent
    }
}
