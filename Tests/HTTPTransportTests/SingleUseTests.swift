import HTTPTransport
import Synchronization
import Testing

/// What the promise "one request, one paid task" needs of HTTP.
@Suite(.timeLimit(.minutes(1))) struct SingleUseTests {
    private func create(_ origin: String, body: [UInt8] = Array(#"{"prompt":"x"}"#.utf8)) throws -> HTTPRequest {
        HTTPRequest(.post, try HTTPURL(origin + "/create"), headers: ["Content-Type": "application/json"], body: body)
    }

    /// Larger than all the buffers between here and a server that does not read: 36 MiB at the usual limits of Linux.
    private let hugeBody = [UInt8](repeating: UInt8(ascii: "x"), count: 64 << 20)

    @Test func aCreateArrivesWholeAndOnAConnectionOfItsOwn() async throws {
        let script: @Sendable (Connection) -> Void = {
            while $0.request() != nil { $0.answer("200 OK", body: "{}") }
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                for _ in 0..<3 {
                    let response = try await transport.sendOnce(create(server.origin), bodyLimit: 100)
                    #expect(response.status == 200)
                    #expect(response.requestHandedOut)
                }
                #expect(server.connections == 3)
                let request = try #require(server.requests.first)
                #expect(request.hasPrefix("POST /create HTTP/1.1\r\n"))
                #expect(request.lowercased().contains("connection: close\r\n"))
                #expect(request.lowercased().contains("content-length: 14\r\n"))
                #expect(request.hasSuffix("\r\n\r\n" + #"{"prompt":"x"}"#))
            }
        }
    }

    @Test(arguments: [1, 2, 65_536, 65_537, 300_000])
    func aBodyOfAnySizeArrivesUnchanged(size: Int) async throws {
        let body = (0..<size).map { UInt8(ascii: "a") + UInt8($0 % 26) }
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            $0.answer("200 OK")
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                _ = try await transport.sendOnce(create(server.origin, body: body), bodyLimit: 100)
                #expect(server.requests.first?.hasSuffix("\r\n\r\n" + String(decoding: body, as: UTF8.self)) == true)
            }
        }
    }

    @Test func aRefusedConnectionProvesThatNothingWasSent() async throws {
        let origin = "http://127.0.0.1:\(try ScriptedServer.deadPort())"
        try await HTTPTransport.run { transport in
            let error = await #expect(throws: HTTPTransportError.self) {
                try await transport.sendOnce(create(origin), bodyLimit: 100)
            }
            #expect(error?.kind == .connectFailed)
            #expect(error?.requestHandedOut == false)
        }
    }

    @Test(arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"code\":0"])
    func aCutAfterTheWholeRequestLeavesItOpenWhetherItWasTaken(answer: String) async throws {
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            $0.write(answer)
            $0.reset()
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                let error = await #expect(throws: HTTPTransportError.self) {
                    try await transport.sendOnce(create(server.origin), bodyLimit: 100)
                }
                #expect(error?.requestHandedOut == true)
                #expect(server.connections == 1, "it is not sent again")
            }
        }
    }

    @Test func aSlowAnswerLeavesItOpenWhetherItWasTaken() async throws {
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            $0.end()
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run(requestTimeout: .seconds(2)) { transport in
                let error = await #expect(throws: HTTPTransportError.self) {
                    try await transport.sendOnce(create(server.origin), bodyLimit: 100)
                }
                #expect(error?.kind == .timeout)
                #expect(error?.requestHandedOut == true)
                #expect(server.connections == 1, "it is not sent again")
            }
        }
    }

    @Test func aServerThatStopsReadingProvesThatTheRequestWasNotTakenAndNeverWillBe() async throws {
        let received = Mutex(0)
        let isDecided = Barrier(2)
        let (given, giveUp) = AsyncStream.makeStream(of: Void.self)
        let script: @Sendable (Connection) -> Void = { connection in
            let head = connection.head()?.utf8.count ?? 0
            giveUp.yield()
            isDecided.wait()
            // What was already on its way, and whatever the client would still let out.
            let rest = connection.end().bytes
            received.withLock { $0 = head + rest }
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                let request = try create(server.origin, body: hugeBody)
                let error = await withTaskGroup(of: HTTPTransportError?.self) { group in
                    group.addTask {
                        do throws(HTTPTransportError) {
                            _ = try await transport.sendOnce(request, bodyLimit: 100)
                            return nil
                        } catch {
                            return error
                        }
                    }
                    for await _ in given { break }
                    group.cancelAll()
                    return await group.next() ?? nil
                }
                isDecided.wait()
                #expect(error?.kind == .cancelled)
                #expect(error?.requestHandedOut == false)
            }
        }
        #expect(received.withLock { $0 } < hugeBody.count)
    }

    @Test func aCutBeforeTheLastByteProvesThatTheRequestWasNotTaken() async throws {
        let script: @Sendable (Connection) -> Void = {
            _ = $0.head()
            $0.reset()
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                let error = await #expect(throws: HTTPTransportError.self) {
                    try await transport.sendOnce(create(server.origin, body: hugeBody), bodyLimit: 100)
                }
                #expect(error?.kind == .cut, "\(String(describing: error))")
                #expect(error?.requestHandedOut == false)
            }
        }
    }

    @Test func withTheRightToSendLostTheLastByteNeverArrives() async throws {
        let received = Mutex("")
        let script: @Sendable (Connection) -> Void = { connection in
            var text = connection.head() ?? ""
            while let more = connection.read() { text += more }
            received.withLock { $0 = text }
        }
        let asked = Mutex(0)
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                let error = await #expect(throws: HTTPTransportError.self) {
                    try await transport.sendOnce(create(server.origin), bodyLimit: 100) {
                        asked.withLock { $0 += 1 }
                        return false
                    }
                }
                #expect(error?.kind == .withdrawn)
                #expect(error?.requestHandedOut == false)
                #expect(server.connections == 1, "it is not sent again")
            }
        }
        // The script has read to the end of the connection.
        #expect(received.withLock { $0 }.hasPrefix("POST /create"))
        #expect(!received.withLock { $0 }.hasSuffix("}"))
        #expect(asked.withLock { $0 } == 1)
    }

    @Test(arguments: [1, 2, 300_000]) func theRightToSendIsAskedForOnceAndGoesWithTheLastByte(size: Int) async throws {
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            $0.answer("200 OK")
        }
        let asked = Mutex(0)
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                let body = [UInt8](repeating: UInt8(ascii: "x"), count: size)
                let response = try await transport.sendOnce(create(server.origin, body: body), bodyLimit: 100) {
                    asked.withLock { $0 += 1 }
                    #expect(server.requests.isEmpty)
                    return true
                }
                #expect(response.requestHandedOut)
                #expect(server.requests.count == 1)
            }
        }
        #expect(asked.withLock { $0 } == 1)
    }

    @Test func aRequestWithoutABodyIsWithdrawnBeforeAnythingGoesOut() async throws {
        try await ScriptedServer.run(script: { $0.end() }) { server in
            try await HTTPTransport.run { transport in
                let error = await #expect(throws: HTTPTransportError.self) {
                    try await transport.sendOnce(create(server.origin, body: []), bodyLimit: 100) { false }
                }
                #expect(error?.kind == .withdrawn)
                #expect(error?.requestHandedOut == false)
                #expect(server.connections == 0)
            }
        }
    }

    @Test func anAnswerBeforeTheWholeRequestTellsThatItWasNotHandedOut() async throws {
        let script: @Sendable (Connection) -> Void = {
            _ = $0.head()
            $0.answer("413 Too Large", ["Connection: close"])
            $0.end()
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                let response = try await transport.sendOnce(create(server.origin, body: hugeBody), bodyLimit: 100)
                #expect(response.status == 413)
                #expect(!response.requestHandedOut)
            }
        }
    }

    @Test func aRequestGivenUpIsResetSoThatTheKernelSendsNothingAfterwards() async throws {
        let wasReset = Mutex(false)
        let script: @Sendable (Connection) -> Void = { connection in
            connection.request()
            let end = connection.end()
            wasReset.withLock { $0 = end.isReset }
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run(requestTimeout: .seconds(2)) { transport in
                _ = await #expect(throws: HTTPTransportError.self) {
                    try await transport.sendOnce(create(server.origin), bodyLimit: 100)
                }
            }
        }
        #expect(wasReset.withLock { $0 })
    }

    @Test func aRedirectOfACreateIsNotFollowed() async throws {
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            $0.answer("307 Temporary Redirect", ["Location: /again"])
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                let response = try await transport.sendOnce(create(server.origin), bodyLimit: 100)
                #expect(response.status == 307)
                #expect(server.connections == 1)
            }
        }
    }

    @Test func thirtyTwoSlowCreatesAtOnceDoNotWaitForOneAnother() async throws {
        let everybody = Barrier(32)
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            everybody.wait()
            $0.answer("200 OK")
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                let request = try create(server.origin)
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<32 {
                        group.addTask { try await transport.sendOnce(request, bodyLimit: 100).status }
                    }
                    for try await status in group { #expect(status == 200) }
                }
            }
        }
    }
}
