// swift-tools-version: 6.2
//
// One entry per target with its tests beside it, in the order of the house: what stands lower comes first.
// What each target may import of ours is a rule, held by Tests/HouseTests.

import PackageDescription

let warningsAreErrors = Context.environment["KLINGD_WARNINGS_AS_ERRORS"] == "1"

let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InferIsolatedConformances"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ] + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])

let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let jwtKit = Target.Dependency.product(name: "JWTKit", package: "jwt-kit")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let package = Package(
    name: "klingd",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "klingd", targets: ["klingd"]),
        .library(name: "StoragePlugin", targets: ["StoragePlugin", "Storage"]),
        .library(name: "StorageBehaviour", targets: ["StorageBehaviour", "Storage"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        .systemLibrary(
            name: "CJansson",
            pkgConfig: "jansson",
            providers: [.apt(["libjansson-dev"]), .brew(["jansson"])]
        ),

        .systemLibrary(
            name: "CExpat",
            pkgConfig: "expat",
            providers: [.apt(["libexpat1-dev"]), .brew(["expat"])]
        ),

        .systemLibrary(name: "CPidfd"),

        .target(name: "JSON", dependencies: ["CJansson"], swiftSettings: settings),
        .testTarget(name: "JSONTests", dependencies: ["JSON"], swiftSettings: settings),

        .target(name: "JSONRPC", dependencies: ["JSON"], swiftSettings: settings),
        .testTarget(name: "JSONRPCTests", dependencies: ["JSONRPC", "JSON"], swiftSettings: settings),

        .target(name: "ImageHeader", swiftSettings: settings),
        .testTarget(name: "ImageHeaderTests", dependencies: ["ImageHeader"], swiftSettings: settings),

        .target(
            name: "HTTPTransport",
            dependencies: [asyncHTTPClient, logging, nioCore, nioHTTP1, nioPosix, nioSSL],
            swiftSettings: settings
        ),
        .testTarget(
            name: "HTTPTransportTests",
            dependencies: ["HTTPTransport", logging, nioCore, nioPosix, nioSSL],
            swiftSettings: settings
        ),

        .target(
            name: "KlingAPI",
            dependencies: ["HTTPTransport", "ImageHeader", "JSON", jwtKit, systemPackage],
            swiftSettings: settings
        ),
        .testTarget(
            name: "KlingAPITests",
            dependencies: ["KlingAPI", "HTTPTransport", "JSON", "KlingSimulator", crypto, logging],
            swiftSettings: settings
        ),

        .target(name: "Storage", dependencies: [systemPackage], swiftSettings: settings),
        .testTarget(name: "StorageTests", dependencies: ["Storage"], swiftSettings: settings),

        .target(
            name: "FilesystemStorage",
            dependencies: ["Storage", crypto, systemPackage],
            swiftSettings: settings
        ),
        .testTarget(
            name: "FilesystemStorageTests",
            dependencies: ["FilesystemStorage", "Storage", systemPackage],
            swiftSettings: settings
        ),

        .target(name: "SigV4", dependencies: [crypto], swiftSettings: settings),
        .testTarget(name: "SigV4Tests", dependencies: ["SigV4"], swiftSettings: settings),

        .target(
            name: "S3Storage",
            dependencies: [
                "CExpat", "HTTPTransport", "JSON", "SigV4", "Storage", crypto, logging, subprocess, systemPackage,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "S3StorageTests",
            dependencies: [
                "S3Storage", "HTTPTransport", "JSON", "SigV4", "Storage", "StorageServers", logging,
                systemPackage,
            ],
            swiftSettings: settings
        ),

        .target(
            name: "StoragePlugin",
            dependencies: ["JSON", "JSONRPC", "Storage", systemPackage],
            swiftSettings: settings
        ),
        .testTarget(
            name: "StoragePluginTests",
            dependencies: ["StoragePlugin", "JSON", "JSONRPC", "Storage", systemPackage],
            swiftSettings: settings
        ),
        .target(
            name: "PluginStorage",
            dependencies: ["JSON", "JSONRPC", "Storage", crypto, logging, subprocess, systemPackage],
            swiftSettings: settings
        ),
        .testTarget(
            name: "PluginStorageTests",
            dependencies: [
                "PluginStorage", "JSON", "JSONRPC", "Storage", "StorageServers", crypto, logging, systemPackage,
            ],
            swiftSettings: settings
        ),

        // An example for authors, who have a package of their own beside it: it sees what is public alone.
        .executableTarget(
            name: "klingd-storage-content",
            dependencies: ["StoragePlugin", "Storage", crypto, systemPackage],
            path: "protocol/plugins/content-store/Sources",
            packageAccess: false
        ),

        .target(name: "StorageBehaviour", dependencies: ["Storage", crypto, systemPackage], swiftSettings: settings),
        .testTarget(
            name: "StorageBehaviourTests",
            dependencies: ["StorageBehaviour", "FilesystemStorage", "Storage", crypto, systemPackage],
            swiftSettings: settings
        ),

        .target(
            name: "GenerationTasks",
            dependencies: ["JSON", .product(name: "HeapModule", package: "swift-collections")],
            swiftSettings: settings
        ),
        .testTarget(name: "GenerationTasksTests", dependencies: ["GenerationTasks", "JSON"], swiftSettings: settings),

        .testTarget(name: "SimulationTests", dependencies: ["GenerationTasks", "JSON"], swiftSettings: settings),

        .target(
            name: "SQLiteLedger",
            dependencies: ["GenerationTasks", "JSON", grdb],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SQLiteLedgerTests",
            dependencies: ["SQLiteLedger", "GenerationTasks", "JSON", grdb],
            swiftSettings: settings
        ),

        .target(
            name: "KlingService",
            dependencies: [
                "GenerationTasks", "HTTPTransport", "ImageHeader", "JSON", "KlingAPI", "Storage", crypto, logging,
                systemPackage,
            ],
            swiftSettings: settings
        ),

        .testTarget(
            name: "KlingServiceTests",
            dependencies: ["KlingService", "GenerationTasks"],
            swiftSettings: settings
        ),

        .target(
            name: "RPCInterface",
            dependencies: ["JSON", "JSONRPC", "KlingService", "GenerationTasks", logging],
            swiftSettings: settings
        ),
        .testTarget(
            name: "RPCInterfaceTests",
            dependencies: ["RPCInterface", "GenerationTasks", "JSON", "JSONRPC"],
            swiftSettings: settings
        ),

        .target(
            name: "KlingSimulator",
            dependencies: [
                "JSON", crypto, logging, nioCore,
                .product(name: "Hummingbird", package: "hummingbird"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "KlingSimulatorTests",
            dependencies: ["KlingSimulator", "JSON", asyncHTTPClient, crypto, nioCore, nioHTTP1],
            swiftSettings: settings
        ),

        .target(
            name: "KlingdCommands",
            dependencies: [
                "CPidfd", "FilesystemStorage", "GenerationTasks", "HTTPTransport", "JSON", "JSONRPC", "KlingAPI",
                "KlingService",
                "KlingSimulator", "PluginStorage", "RPCInterface", "S3Storage", "SQLiteLedger", "Storage",
                "StorageBehaviour", configuration, logging, subprocess, systemPackage,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),

        .testTarget(
            name: "KlingdCommandsTests",
            dependencies: ["KlingdCommands", "GenerationTasks", "JSON", "KlingAPI", configuration],
            swiftSettings: settings
        ),

        .executableTarget(name: "klingd", dependencies: ["KlingdCommands"], swiftSettings: settings),

        // The real stores that tests run against.
        .target(
            name: "StorageServers",
            dependencies: ["JSON"],
            path: "Tests/StorageServers/Sources",
            swiftSettings: settings
        ),
        .testTarget(name: "StorageServersTests", dependencies: ["StorageServers", "JSON"], swiftSettings: settings),

        .testTarget(name: "HouseTests", dependencies: ["JSON"], swiftSettings: settings),
        .testTarget(
            name: "IntegrationTests",
            dependencies: ["klingd", "JSON", "KlingSimulator", "StorageServers", asyncHTTPClient, nioCore, nioHTTP1],
            swiftSettings: settings
        ),

        // The clients of protocol/clients, run by the programs they are for.
        .testTarget(name: "ClientTests", dependencies: ["klingd"], swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
