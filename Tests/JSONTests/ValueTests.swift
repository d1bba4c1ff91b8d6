import JSON
import Testing

@Suite struct ValueTests {
    @Test func settingAMemberKeepsItsPlaceAndNilRemovesIt() {
        var object: JSONObject = ["a": 1, "b": 2]
        object["a"] = 3
        object["c"] = 4
        #expect(JSONValue.object(object).description == #"{"a":3,"b":2,"c":4}"#)
        object["b"] = nil
        object["absent"] = nil
        #expect(JSONValue.object(object).description == #"{"a":3,"c":4}"#)
        object["c"] = .null
        #expect(object["c"] == .null, "null is a value, not an absence")
        object.append("d", true)
        #expect(JSONValue.object(object).description == #"{"a":3,"c":null,"d":true}"#)
        #expect(JSONObject().isEmpty && !object.isEmpty)
    }

    @Test func aValueIsReadOnlyAsWhatItIs() {
        let value: JSONValue = ["list": [1, "two"], "flag": false]
        #expect(value["list"]?[1]?.stringValue == "two")
        #expect(value["list"]?[2] == nil)
        #expect(value["list"]?[-1] == nil)
        #expect(value["list"]?["flag"] == nil)
        #expect(value[0] == nil)
        #expect(value["flag"]?.boolValue == false)
        #expect(value["flag"]?.integerValue == nil)
        #expect(value.stringValue == nil && value.arrayValue == nil && value.numberValue == nil)
        #expect(!value.isNull && (nil as JSONValue).isNull)
    }

    @Test func aPersonsWordForEachKind() {
        let values: [JSONValue] = [nil, true, 1, 1.5, "", [], [:]]
        let names = ["null", "a boolean", "an integer", "a number", "a string", "an array", "an object"]
        #expect(values.map(\.kindName) == names)
    }
}
