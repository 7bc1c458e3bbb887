//! The core module of stubs.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, ImportSection, MemorySection, MemoryType,
    Module, NameMap, NameSection, TypeSection, ValType,
};
use wit_parser::{
    LiftLowerAbi, ManglingAndAbi, Resolve, WasmExport, WasmExportKind, WorldId, WorldItem,
    WorldKey,
    abi::{AbiVariant, WasmSignature, WasmType},
};

use super::REPORT_INTERFACE;

const ABI: ManglingAndAbi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);

/// The length of a name that is reported, in bytes. The app's may have any length.
const MAX_NAME: usize = 1000;

/// `report`, the one import.
const REPORT: u32 = 0;

/// A module that exports all that `world` does, each function one that reports its name and traps.
pub(super) fn module(resolve: &Resolve, world: WorldId) -> Vec<u8> {
    let mut stubs = Stubs::default();
    for (key, item) in &resolve.worlds[world].exports {
        match item {
            WorldItem::Interface { id, .. } => {
                for function in resolve.interfaces[*id].functions.values() {
                    stubs.function(resolve, Some(key), function);
                }
            }
            WorldItem::Function(function) => stubs.function(resolve, None, function),
            WorldItem::Type { .. } => {}
        }
    }
    stubs.finish()
}

/// The sections of the module, and the functions in them so far.
#[derive(Default)]
struct Stubs {
    types: TypeSection,
    functions: FunctionSection,
    exports: ExportSection,
    code: CodeSection,
    names: NameMap,
    /// The names that are reported, one after the other.
    data: Vec<u8>,
}

impl Stubs {
    fn function(
        &mut self,
        resolve: &Resolve,
        interface: Option<&WorldKey>,
        function: &wit_parser::Function,
    ) {
        // Without the annotation that WIT does not write: `[method]store.get` is `store.get`.
        let name = function.name.rsplit(']').next().unwrap_or_default();
        let mut name = format!("`{name}`");
        if let Some(interface) = interface {
            name += &format!(" of `{}`", resolve.name_world_key(interface));
        }
        name.truncate(name.floor_char_boundary(MAX_NAME));

        let mut code = Function::new([]);
        code.instructions()
            .i32_const(self.data.len() as i32)
            .i32_const(name.len() as i32)
            .call(REPORT)
            .unreachable()
            .end();
        self.data.extend(name.as_bytes());
        let export = WasmExport::Func {
            interface,
            func: function,
            kind: WasmExportKind::Normal,
        };
        let export = resolve.wasm_export_name(ABI, export);
        let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
        // Hosts print this name in the backtrace of the trap.
        let name =
            format!("{name} is a stub: nothing provides it here (compose --stub-unresolved)");
        self.add(&signature, &code, &export, &name);
    }

    fn add(&mut self, signature: &WasmSignature, code: &Function, export: &str, name: &str) {
        let index = REPORT + 1 + self.functions.len();
        self.functions.function(self.types.len());
        let types = |types: &[WasmType]| types.iter().map(core_type).collect::<Vec<_>>();
        self.types
            .ty()
            .function(types(&signature.params), types(&signature.results));
        self.code.function(code);
        self.exports.export(export, ExportKind::Func, index);
        self.names.append(index, name);
    }

    fn finish(mut self) -> Vec<u8> {
        let report = self.types.len();
        self.types.ty().function([ValType::I32, ValType::I32], []);
        let mut imports = ImportSection::new();
        imports.import(REPORT_INTERFACE, "report", EntityType::Function(report));

        let realloc = WasmSignature {
            params: vec![WasmType::I32; 4],
            results: vec![WasmType::I32],
            indirect_params: false,
            retptr: false,
        };
        self.add(&realloc, &allocate(), "cabi_realloc", "allocate");
        self.exports.export("memory", ExportKind::Memory, 0);
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: self.data.len().div_ceil(1 << 16) as u64,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut globals = GlobalSection::new();
        let next = GlobalType {
            val_type: ValType::I32,
            mutable: true,
            shared: false,
        };
        let start = self.data.len().next_multiple_of(8) as i32;
        globals.global(next, &ConstExpr::i32_const(start));
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::i32_const(0), self.data);
        let mut names = NameSection::new();
        names.functions(&self.names);

        let mut module = Module::new();
        module
            .section(&self.types)
            .section(&imports)
            .section(&self.functions)
            .section(&memories)
            .section(&globals)
            .section(&self.exports)
            .section(&self.code)
            .section(&data)
            .section(&names);
        module.finish()
    }
}

/// `cabi_realloc`: memory for the arguments of a call, which are of no use to a stub, but the call begins with them. Nothing
/// is freed or grown, for a trap follows.
fn allocate() -> Function {
    let (size, start, next) = (3, 4, 0);
    let mut function = Function::new([(1, ValType::I32)]);
    function
        .instructions()
        // next = (start + size + 7) & -8, the largest alignment there is; a trap if that is no address.
        .global_get(next)
        .local_tee(start)
        .local_get(size)
        .i32_add()
        .i32_const(7)
        .i32_add()
        .i32_const(-8)
        .i32_and()
        .global_set(next)
        .global_get(next)
        .local_get(start)
        .i32_lt_u()
        .if_(BlockType::Empty)
        .unreachable()
        .end()
        // Grows the memory by the pages that are missing, and traps if there are none.
        .global_get(next)
        .memory_size(0)
        .i32_const(16)
        .i32_shl()
        .i32_gt_u()
        .if_(BlockType::Empty)
        .local_get(size)
        .i32_const(16)
        .i32_shr_u()
        .i32_const(1)
        .i32_add()
        .memory_grow(0)
        .i32_const(-1)
        .i32_eq()
        .if_(BlockType::Empty)
        .unreachable()
        .end()
        .end()
        .local_get(start)
        .end();
    function
}

fn core_type(ty: &WasmType) -> ValType {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    }
}
