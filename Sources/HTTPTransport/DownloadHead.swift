/// The head of the answer that a download ended at.
package struct DownloadHead: Sendable {
    /// With 200 the sink got the whole body, with any other status nothing.
    package var status: Int
    package var headers: HTTPFields
}
