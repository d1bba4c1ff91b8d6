import Storage
import StoragePlugin

@main
enum Main {
    static func main() {
        StoragePlugin(
            name: "klingd-storage-content",
            version: "1.0",
            capabilities: ContentStore.capabilities,
            concurrency: 4,
            config: ["largest_bytes"]
        ) { (start) throws(StorageError) in
            try ContentStore(start)
        }.serve()
    }
}
