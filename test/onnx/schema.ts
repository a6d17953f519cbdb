/** @file onnx test: ONNX messages through protobufjs, an implementation of protobuf that shares nothing with ours. */
import protobuf from 'protobufjs';

/** The part of onnx/onnx's onnx.proto that the tests look at; names and numbers as published there. */
const SCHEMA = `
syntax = "proto2";
package onnx;
message AttributeProto {
  optional string name = 1; optional int32 type = 20; optional float f = 2; optional int64 i = 3;
  optional bytes s = 4; optional TensorProto t = 5; optional GraphProto g = 6;
  repeated float floats = 7; repeated int64 ints = 8; repeated GraphProto graphs = 11;
}
message StringStringEntryProto { optional string key = 1; optional string value = 2; }
message NodeProto {
  repeated string input = 1; repeated string output = 2; optional string name = 3; optional string op_type = 4;
  optional string domain = 7; repeated AttributeProto attribute = 5; optional string doc_string = 6;
  repeated StringStringEntryProto metadata_props = 9;
}
message TensorProto {
  repeated int64 dims = 1; optional int32 data_type = 2; repeated float float_data = 4 [packed = true];
  repeated int32 int32_data = 5 [packed = true]; repeated bytes string_data = 6;
  repeated int64 int64_data = 7 [packed = true]; optional string name = 8; optional string doc_string = 12;
  optional bytes raw_data = 9; repeated StringStringEntryProto external_data = 13;
  optional int32 data_location = 14; repeated double double_data = 10 [packed = true];
  repeated uint64 uint64_data = 11 [packed = true];
}
message TensorShapeProto {
  message Dimension { oneof value { int64 dim_value = 1; string dim_param = 2; } }
  repeated Dimension dim = 1;
}
message TypeProto {
  message Tensor { optional int32 elem_type = 1; optional TensorShapeProto shape = 2; }
  optional Tensor tensor_type = 1;
}
message ValueInfoProto { optional string name = 1; optional TypeProto type = 2; optional string doc_string = 3; }
message GraphProto {
  repeated NodeProto node = 1; optional string name = 2; repeated TensorProto initializer = 5;
  optional string doc_string = 10; repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12;
  repeated ValueInfoProto value_info = 13;
}
message OperatorSetIdProto { optional string domain = 1; optional int64 version = 2; }
message FunctionProto {
  optional string name = 1; repeated string input = 4; repeated string output = 5; repeated NodeProto node = 7;
  repeated OperatorSetIdProto opset_import = 9; optional string domain = 10;
}
message ModelProto {
  optional int64 ir_version = 1; optional string producer_name = 2; optional string doc_string = 6;
  optional GraphProto graph = 7; repeated OperatorSetIdProto opset_import = 8;
  repeated StringStringEntryProto metadata_props = 14; repeated FunctionProto functions = 25;
}
`;

const { root } = protobuf.parse(SCHEMA, { keepCase: true });
const model = root.lookupType('onnx.ModelProto');

export type PlainTensor = {
  name?: string;
  dims?: string[];
  data_type?: number;
  raw_data?: Uint8Array;
  float_data?: number[];
  int32_data?: number[];
  int64_data?: string[];
  double_data?: number[];
  data_location?: number;
};
export type PlainNode = { input?: string[]; output?: string[]; op_type?: string; attribute?: object[] };
export type PlainModel = {
  graph: {
    node: PlainNode[];
    initializer: PlainTensor[];
    input: { name: string }[];
    output: { name: string }[];
  };
  metadata_props?: { key: string; value: string }[];
};

/** The file as plain objects: 64-bit integers as strings, bytes as Uint8Array, absent fields absent. */
export function decodeModel(bytes: Uint8Array): PlainModel {
  return model.toObject(model.decode(bytes), { longs: String, bytes: Uint8Array }) as PlainModel;
}

/** A file from plain objects, with repeated numbers packed or not as protobufjs chooses for proto2. */
export function encodeModel(plain: object): Uint8Array {
  return new Uint8Array(model.encode(model.fromObject(plain)).finish());
}
