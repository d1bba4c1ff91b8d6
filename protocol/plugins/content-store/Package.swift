// swift-tools-version: 6.2
// A storage plugin of klingd in Swift, as a package of its own: copy it and begin.

import PackageDescription

let package = Package(
    name: "klingd-storage-content",
    platforms: [.macOS(.v15)],
    dependencies: [
        // Elsewhere: .package(url: …) of klingd's repository.
        .package(name: "klingd", path: "../../.."),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        .executableTarget(
            name: "klingd-storage-content",
            dependencies: [
                .product(name: "StoragePlugin", package: "klingd"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Sources"
        )
    ],
    swiftLanguageModes: [.v6]
)
