import Hummingbird
import JSON
import NIOCore

/// Turns HTTP into calls on the simulator's state, and its replies into HTTP.
struct SimulatorResponder: HTTPResponder {
    /// A 10 MB picture in Base64 with the rest of its request fits.
    private static let largestBody = 16 << 20

    private let configuration: SimulatorConfiguration
    private let state: SimulatorState
    private let control: Control

    init(_ configuration: SimulatorConfiguration) {
        self.configuration = configuration
        state = SimulatorState(configuration)
        control = Control(state)
    }

    func respond(to request: Request, context: SimulatorContext) async throws -> Response {
        let reply = try await reply(to: request, channel: context.channel)
        if reply.delayMilliseconds > 0 { try await Task.sleep(for: .milliseconds(reply.delayMilliseconds)) }
        return try await response(reply, channel: context.channel)
    }

    private func reply(to request: Request, channel: any Channel) async throws -> Reply {
        var request = request
        let body: ByteBuffer
        do {
            body = try await request.collectBody(upTo: Self.largestBody)
        } catch is NIOTooManyBytesError {
            return .page(status: 413)
        }
        let path = request.uri.path
        let authorization = request.headers[.authorization]
        let generations = configuration.dialect.generationsPath
        if path.hasPrefix(Control.root) {
            let place = path.dropFirst(Control.root.count)
            return await control.reply(to: request.method.rawValue, place, body: Array(body.readableBytesView))
        }
        if request.method == .post, path == generations {
            let request = Result { () throws(Refusal) in
                try GenerationRequest(body: Array(body.readableBytesView), limits: configuration.limits)
            }
            return await state.create(request, authorization: authorization)
        }
        if request.method == .get, path == generations, configuration.dialect.hasList {
            let base = base(of: request, channel: channel)
            return await state.list(query: request.uri.query ?? "", authorization: authorization, base: base)
        }
        if request.method == .get, path.hasPrefix(generations + "/") {
            let id = PercentEncoding.decode(path.dropFirst(generations.count + 1))
            return await state.lookUp(id, authorization: authorization, base: base(of: request, channel: channel))
        }
        if request.method == .get, ImageAddress.isImage(path) {
            let query = request.uri.query ?? ""
            return await state.image(path: path, query: query, hasCredentials: authorization != nil)
        }
        let isKnown = path == generations || path.hasPrefix(generations + "/")
        return await state.stray(path: path, isWrongMethod: isKnown)
    }

    /// Image addresses lead back the way the caller came, through a port mapping for example.
    private func base(of request: Request, channel: any Channel) -> String {
        if let authority = request.head.authority { return "http://\(authority)" }
        return SimulatorAddress(host: configuration.host, port: channel.localAddress?.port ?? configuration.port).url
    }

    private func response(_ reply: Reply, channel: any Channel) async throws -> Response {
        var response = Response(status: .init(code: reply.status))
        if let seconds = reply.retryAfter { response.headers[.retryAfter] = String(seconds) }
        if let location = reply.location { response.headers[.location] = location }
        switch reply.content {
        case .nothing:
            try await channel.close()
        case .bytes(let bytes, let type):
            response.headers[.contentType] = type
            response.body = ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        case .picture(let picture, let isCut):
            response.headers[.contentType] = "image/png"
            let png = ByteBuffer(bytes: picture.png(filledTo: configuration.imageBytes))
            response.body = isCut ? Self.half(of: png, then: channel) : ResponseBody(byteBuffer: png)
        }
        return response
    }

    /// A body that promises all of `bytes`, sends half and closes the connection.
    private static func half(of bytes: ByteBuffer, then channel: any Channel) -> ResponseBody {
        ResponseBody(contentLength: bytes.readableBytes) { writer in
            try await writer.write(bytes.getSlice(at: bytes.readerIndex, length: bytes.readableBytes / 2) ?? bytes)
            try await channel.close()
        }
    }
}
