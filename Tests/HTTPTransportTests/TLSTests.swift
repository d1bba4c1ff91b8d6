import HTTPTransport
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Companies put proxies with certificates of their own in front of the world; `SSL_CERT_FILE` names those.
@Suite(.timeLimit(.minutes(1))) struct TLSTests {
    private func send(certificateFile: String?, port: Int) async throws -> HTTPResponse {
        var configuration = HTTPTransportConfiguration(requestTimeout: .seconds(10))
        configuration.certificateFile = certificateFile
        let transport = HTTPTransport(configuration: configuration, logger: Logger(label: "test"))
        let result: Result<HTTPResponse, HTTPTransportError>
        do throws(HTTPTransportError) {
            let url = try HTTPURL("https://127.0.0.1:\(port)/x")
            result = .success(
                try await transport.sendOnce(HTTPRequest(.post, url, body: [0x7B, 0x7D]), bodyLimit: 100)
            )
        } catch {
            result = .failure(error)
        }
        await transport.shutdown()
        return try result.get()
    }

    @Test func aServerThatNobodyVouchesForGetsNoRequest() async throws {
        try await TLSServer.run { port in
            let error = await #expect(throws: HTTPTransportError.self) {
                try await send(certificateFile: nil, port: port)
            }
            #expect(error?.kind == .tls, "\(String(describing: error))")
            #expect(error?.requestHandedOut == false)
            #expect(error?.message.contains("SSL_CERT_FILE") == true)
        }
    }

    @Test func aServerThatTheCertificateFileVouchesForIsTrusted() async throws {
        try await TLSServer.run { port in
            try await TemporaryFile.with(TLSServer.certificate) { path in
                let response = try await send(certificateFile: path, port: port)
                #expect(response.status == 200)
            }
        }
    }

    @Test func aCertificateFileThatCannotBeReadIsAnErrorAndNotPassedOver() async throws {
        try await TLSServer.run { port in
            let error = await #expect(throws: HTTPTransportError.self) {
                try await send(certificateFile: "/nowhere/ca.pem", port: port)
            }
            #expect(error?.kind == .tls, "\(String(describing: error))")
            #expect(error?.requestHandedOut == false)
        }
    }
}

private enum TemporaryFile {
    struct Trouble: Error {
        var code: CInt
    }

    /// Runs `body` with the path of a file that has `content` and is removed afterwards.
    static func with(_ content: String, _ body: (String) async throws -> Void) async throws {
        var template = Array("/tmp/klingd-test-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw Trouble(code: errno) }
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { unlink(path) }
        let bytes = Array(content.utf8)
        let written = write(descriptor, bytes, bytes.count)
        close(descriptor)
        guard written == bytes.count else { throw Trouble(code: errno) }
        try await body(path)
    }
}

/// A server on loopback that answers the first bytes of each TLS connection with an empty 200.
private enum TLSServer {
    static func run(_ body: (Int) async throws -> Void) async throws {
        let tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))
        )
        let context = try NIOSSLContext(configuration: tls)
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        NIOSSLServerHandler(context: context), Answer(),
                    ])
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            try await body(try #require(listener.localAddress?.port))
        } catch {
            try await listener.close()
            throw error
        }
        try await listener.close()
    }

    private final class Answer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let answer = ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }

    /// Made for these tests and good for nothing else: names 127.0.0.1, vouches for itself, valid until 2126.
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBkzCCATqgAwIBAgIUbgDRVKilGKF1LIG82Ggph3rely0wCgYIKoZIzj0EAwIw
        FjEUMBIGA1UEAwwLa2xpbmdkIHRlc3QwIBcNMjYxMTIzMjEzMjA1WhgPMjEyNjEw
        MzAyMTMyMDVaMBYxFDASBgNVBAMMC2tsaW5nZCB0ZXN0MFkwEwYHKoZIzj0CAQYI
        KoZIzj0DAQcDQgAE35L2Ye8GGuDdBAKw9phoYrveTILG6Yy8z3ijddaIwNNDDKnj
        WjwQsrXeUBJ9rfZkOfmRG8nHyYFD5PACqAadhKNkMGIwHQYDVR0OBBYEFDPu/wbU
        CgHAx8/MWDJGsLZy+qxtMB8GA1UdIwQYMBaAFDPu/wbUCgHAx8/MWDJGsLZy+qxt
        MA8GA1UdEQQIMAaHBH8AAAEwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNH
        ADBEAiAmY1tEMRvb6yjSzmn25sl3wc7J/3oOy6HQvyL3nugk4AIgZ2BRTuW3hFvJ
        0uF2QxFRdg7n9QuwtEEw950Qyao/dTc=
        -----END CERTIFICATE-----
        """

    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQguDdDB8zdscfbc2CS
        mjsNVlEkUQxip+tF/Alw4+7v7tyhRANCAATfkvZh7wYa4N0EArD2mGhiu95Mgsbp
        jLzPeKN11ojA00MMqeNaPBCytd5QEn2t9mQ5+ZEbycfJgUPk8AKoBp2E
        -----END PRIVATE KEY-----
        """
}
