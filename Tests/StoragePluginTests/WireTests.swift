import JSON
import JSONRPC
import Storage
import Testing

@testable import StoragePlugin

private let digest = String(repeating: "0a", count: 32)

/// Reads an object and writes it again: what comes out is what went in.
private func writesWhatItReads<Object: WireObject>(_ type: Object.Type, _ text: String) throws {
    let value = try JSONValue.parse(Array(text.utf8))
    let object = try Object(value)
    #expect(JSONValue.object(object.json) == value, "\(type)")
    #expect(object.json.members.map(\.name) == value.objectValue?.members.map(\.name), "\(type): another order")
}

/// Where the error that reading gives points to.
private func pointer<Object: WireObject>(_ type: Object.Type, _ text: String) throws -> String {
    let value = try JSONValue.parse(Array(text.utf8))
    let error = try #require(throws: JSONDecodingError.self) { try Object(value) }
    return error.pointer.description
}

@Suite struct WireTests {
    @Test func everyMessageIsWrittenAsItIsRead() throws {
        let capabilities =
            #"{"get":true,"presign":false,"metadata":true,"sha256":false,"exclusive_create":true,"concurrency":4}"#
        let program = #"{"name":"p","version":"1"}"#
        try writesWhatItReads(
            DescribeResult.self,
            #"{"protocol":"klingd-storage","versions":[1,2],"plugin":\#(program),"capabilities":\#(capabilities),"config":["a"],"secrets":["b"]}"#
        )
        try writesWhatItReads(
            InitializeParams.self,
            #"{"protocol":"klingd-storage","versions":[1],"host":\#(program),"url":"webdav://host/a%20b","config":{"b":true,"i":7,"r":0.5,"s":"x"},"secrets":{"k":"v"},"work_directory":"/w"}"#
        )
        try writesWhatItReads(
            InitializeResult.self,
            #"{"version":1,"plugin":\#(program),"capabilities":\#(capabilities)}"#
        )
        try writesWhatItReads(
            PutParams.self,
            #"{"key":"a/b.png","path":"/f","size":5,"sha256":"\#(digest)","media_type":"image/png","metadata":{"a":"b"}}"#
        )
        try writesWhatItReads(
            PutResult.self,
            #"{"size":5,"sha256":"\#(digest)","uri":"x://h/a","was_there":true}"#
        )
        try writesWhatItReads(KeyParams.self, #"{"key":"a"}"#)
        try writesWhatItReads(GetParams.self, #"{"key":"a","path":"/w/a"}"#)
        try writesWhatItReads(
            HeadResult.self,
            #"{"state":"present","size":0,"sha256":"\#(digest)","media_type":"image/png","metadata":{"a":"b"}}"#
        )
        try writesWhatItReads(HeadResult.self, #"{"state":"absent"}"#)
        try writesWhatItReads(ListParams.self, #"{"prefix":"","after":"a","limit":1}"#)
        try writesWhatItReads(ListResult.self, #"{"objects":[{"key":"a","size":1}],"next":"a"}"#)
        try writesWhatItReads(PresignParams.self, #"{"key":"a","seconds":60}"#)
        try writesWhatItReads(PresignResult.self, #"{"url":"https://h/a"}"#)
        try writesWhatItReads(ProgressParams.self, #"{"id":"x","bytes":5}"#)
        try writesWhatItReads(CancelParams.self, #"{"id":7}"#)
        try writesWhatItReads(LogParams.self, #"{"level":"warning","message":"m"}"#)
    }

    @Test func whatIsLeftOutIsFalseOrOne() throws {
        let capabilities = try PluginCapabilities(["get": nil])
        #expect(capabilities == PluginCapabilities(StorageCapabilities(), concurrency: 1))
        #expect(try PutResult(["size": 1]) == PutResult(size: 1))
    }

    @Test func anErrorPointsToTheMemberThatIsWrong() throws {
        let put =
            #"{"key":"a","path":"/f","size":5,"sha256":"\#(digest)","media_type":"image/png","metadata":{}}"#
        func broken(_ part: String, _ other: String) throws -> String {
            try pointer(PutParams.self, put.replacing(part, with: other))
        }
        #expect(try broken(#""a""#, #""../a""#) == "/key")
        #expect(try broken(#""/f""#, #""f""#) == "/path")
        #expect(try broken("5", "-5") == "/size")
        #expect(try broken("5", "5.0") == "/size")
        #expect(try broken("0a0a", "0A0A") == "/sha256")
        #expect(try broken("{}", #"{"a/b":1}"#) == "/metadata/a~1b")
        #expect(try broken(#""size":5,"#, "") == "")
        #expect(try pointer(ListResult.self, #"{"objects":[{"key":"a","size":1},{"key":"b"}]}"#) == "/objects/1")
        #expect(try pointer(ListResult.self, #"{"objects":[{"key":1,"size":1}]}"#) == "/objects/0/key")
        #expect(try pointer(HeadResult.self, #"{"state":"there"}"#) == "/state")
        #expect(try pointer(PluginCapabilities.self, #"{"concurrency":33}"#) == "/concurrency")
        let initialize =
            #"{"protocol":"klingd-storage","versions":[1],"host":{"name":"k","version":"0"},"url":"x://h","config":{},"secrets":{},"work_directory":"/w"}"#
        func start(_ part: String, _ other: String) throws -> String {
            try pointer(InitializeParams.self, initialize.replacing(part, with: other))
        }
        #expect(try start("klingd-storage", "mcp") == "/protocol")
        #expect(try start("[1]", #"["1"]"#) == "/versions/0")
        #expect(try start(#""config":{}"#, #""config":{"a":[]}"#) == "/config/a")
        #expect(try start("x://h", "x://a:b@h") == "/url")
        #expect(try start(#""version":"0""#, #""version":0"#) == "/host/version")
    }

    @Test(arguments: StorageErrorKind.allCases.filter { $0 != .plugin })
    func everyStorageErrorSurvivesTheWire(kind: StorageErrorKind) {
        for isRetryable in [true, false] {
            let error = StorageError(kind, "m", isRetryable: isRetryable, retryAfter: .milliseconds(1500))
            #expect(PluginFailure(PluginFailure.storage(error).rpcError) == .storage(error))
        }
    }

    @Test func theCodesAreThoseOfTheProtocol() {
        let codes = StorageErrorKind.allCases.map { PluginFailure.storage(StorageError($0, "m")).rpcError.code }
        #expect(codes == [10_015, 10_016, 10_017, 10_018, -32603, 10_003, 10_013])
        #expect(PluginFailure.cancelled(message: "m").rpcError.code == 10_024)
        #expect(PluginFailure.version(message: "m", versions: [1]).rpcError.code == 10_025)
    }

    @Test func aKindTellsWhetherItMayBeRetriedUnlessTheErrorSaysSo() {
        func isRetryable(_ kind: String) -> Bool? {
            guard
                case .storage(let error) = PluginFailure(RPCError(code: 1, message: "m", data: ["kind": .string(kind)]))
            else { return nil }
            return error.isRetryable
        }
        #expect(isRetryable("storage_full") == true)
        #expect(isRetryable("storage_denied") == false)
        #expect(isRetryable("storage_unavailable") == true)
        #expect(isRetryable("storage_config") == false)
        #expect(isRetryable("conflict") == false)
        #expect(isRetryable("image_unavailable") == true)
    }

    @Test func otherErrorsAreFaults() {
        for data: JSONObject? in [nil, [:], ["kind": "plugin"], ["kind": "strange"]] {
            let error = RPCError(code: -32601, message: "m", data: data)
            #expect(PluginFailure(error) == .fault(error))
        }
        let versions = PluginFailure(RPCError(code: 10_025, message: "m", data: ["kind": "version"]))
        guard case .fault(let error) = versions else {
            Issue.record("\(versions)")
            return
        }
        #expect(error.message.contains("versions"))
    }

    @Test func aWaitIsRoundedUpAndNeverNegative() {
        func milliseconds(_ duration: Duration) -> JSONValue? {
            PluginFailure.storage(StorageError(.full, "m", retryAfter: duration)).rpcError.data?["retry_after_ms"]
        }
        #expect(milliseconds(.microseconds(1)) == 1)
        #expect(milliseconds(.seconds(2)) == 2000)
        #expect(milliseconds(.seconds(-2)) == 0)
        #expect(milliseconds(.seconds(Int64.max)) == 0x20_0000_0000_0000)
    }
}
