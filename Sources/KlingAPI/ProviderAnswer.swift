import HTTPTransport
import JSON

/// An answer of the provider or of a gateway before it, read in whichever of their shapes it comes
/// (kling-api-facts.md 1.4 to 1.6).
struct ProviderAnswer {
    /// A business code, whatever JSON type it was written as.
    enum Code: Equatable {
        case number(Int64)
        /// In lower case.
        case word(String)
        /// Null, empty or absent.
        case none
    }

    let status: Int
    private(set) var code: Code = .none
    /// The code as it was written.
    private(set) var writtenCode: JSONValue?
    private(set) var message: String?
    private(set) var requestID: String?
    private(set) var retryAfter: Duration?
    /// Where a redirect leads, fit to be shown.
    private(set) var location: String?
    /// What should hold a task.
    private(set) var data: JSONValue?
    /// What should hold tasks.
    private(set) var list: [JSONValue]?
    /// Whether the body is a JSON object.
    let isReadable: Bool

    init(_ response: HTTPResponse) {
        status = response.status
        let body = try? JSONValue.parse(response.body)
        isReadable = body?.objectValue != nil
        if isReadable, let body { read(body) }
        let header = response.headers["x-request-id"] ?? response.headers["x-oneapi-request-id"]
        requestID = (requestID ?? header).map { Self.cut($0, to: 100) }
        retryAfter = response.headers["retry-after"].flatMap {
            RetryAfter.duration($0, date: response.headers["date"])
        }
        location = response.headers["location"].map { location in
            location.hasPrefix("/") && !location.hasPrefix("//") ? "the same host" : Redaction.url(location)
        }
    }

    private mutating func read(_ body: JSONValue) {
        // The gateway's own errors are one level down, or plain text.
        let envelope = body["code"]?.text == nil ? body["error"].flatMap { $0.isNull ? nil : $0 } ?? body : body
        let says = envelope["message"]?.text ?? envelope.stringValue ?? body["message"]?.text
        setCode(envelope["code"])
        message = says.map { Self.cut($0, to: 500) }
        requestID = body["request_id"]?.text ?? envelope["request_id"]?.text ?? says.flatMap(Self.requestID)
        list = body["data"]?.arrayValue
        data = body["data"]?.objectValue != nil ? body["data"] : body["task_id"] == nil ? nil : body
        // A gateway of the new-api family puts the provider's whole answer into a message as text.
        if code == .word("fail_to_fetch_task"), let inner = says.flatMap({ try? JSONValue.parse($0) }),
            inner["code"]?.text != nil
        {
            setCode(inner["code"])
            message = inner["message"]?.text.map { Self.cut($0, to: 500) } ?? message
            requestID = inner["request_id"]?.text ?? requestID
        }
    }

    private mutating func setCode(_ written: JSONValue?) {
        guard let written, let text = written.text else { return }
        writtenCode = written.stringValue.map { .string(Self.cut($0, to: 100)) } ?? written
        code = written.wholeNumber.map(Code.number) ?? .word(text.lowercased())
    }

    /// "… (request id: 20261122…)", as gateways put it (kling-api-facts.md 1.6).
    private static func requestID(in message: String) -> String? {
        guard let start = message.firstRange(of: "equest id: ") else { return nil }
        let id = message[start.upperBound...].prefix { $0 != ")" }
        return id.isEmpty ? nil : String(id)
    }

    /// Short enough for one line of a log, and on one line.
    private static func cut(_ message: String, to length: Int) -> String {
        var short = String.UnicodeScalarView()
        for scalar in message.unicodeScalars.prefix(length) {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            short.append(isControl ? " " : scalar)
        }
        return String(short)
    }
}
