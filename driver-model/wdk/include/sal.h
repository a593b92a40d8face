// SPDX-License-Identifier: Apache-2.0
// The kit's source annotations, all empty: they inform Microsoft's analyser and change no code.
#pragma once

#define _In_
#define _In_opt_
#define _In_z_
#define _In_opt_z_
#define _Out_
#define _Out_opt_
#define _Inout_
#define _Inout_opt_
#define _Outptr_
#define _Outptr_opt_
#define _Outptr_result_maybenull_
#define _Check_return_
#define _Must_inspect_result_
#define _Ret_maybenull_
#define _Ret_notnull_
#define _Post_valid_
#define _Post_invalid_
#define _Pre_notnull_
#define _Notnull_
#define _Maybenull_
#define _Reserved_
#define _Null_terminated_
#define _Printf_format_string_
#define _Use_decl_annotations_
#define _IRQL_saves_
#define _IRQL_restores_
#define _IRQL_saves_global_
#define _IRQL_restores_global_
#define _IRQL_requires_same_
#define _IRQL_uses_cancel_
#define _COM_Outptr_
#define _Points_to_data_
#define _Literal_
#define _Const_
#define _Deref_out_range_(a, b)
#define _Interlocked_operand_
#define _Frees_ptr_
#define _Frees_ptr_opt_
#define __drv_aliasesMem
#define __drv_typeExpr

#define _In_reads_(n)
#define _In_reads_opt_(n)
#define _In_reads_bytes_(n)
#define _In_reads_bytes_opt_(n)
#define _In_range_(a, b)
#define _Out_range_(a, b)
#define _Out_writes_(n)
#define _Out_writes_opt_(n)
#define _Out_writes_bytes_(n)
#define _Out_writes_bytes_opt_(n)
#define _Out_writes_bytes_to_(n, c)
#define _Out_writes_to_(n, c)
#define _Outptr_result_bytebuffer_(n)
#define _Outptr_result_bytebuffer_maybenull_(n)
#define _Inout_updates_(n)
#define _Inout_updates_bytes_(n)
#define _Field_size_(n)
#define _Field_size_opt_(n)
#define _Field_size_bytes_(n)
#define _Field_size_full_(n)
#define _Field_range_(a, b)
#define _Post_writable_byte_size_(n)
#define _Post_equal_to_(e)
#define _Pre_opt_bytecap_(n)
#define _When_(c, a)
#define _At_(t, a)
#define _On_failure_(a)
#define _Success_(e)
#define _Return_type_success_(e)
#define _Function_class_(x)
#define _IRQL_requires_(x)
#define _IRQL_requires_max_(x)
#define _IRQL_requires_min_(x)
#define _IRQL_raises_(x)
#define _IRQL_always_function_max_(x)
#define _Dispatch_type_(x)
#define _Acquires_lock_(x)
#define _Releases_lock_(x)
#define _Requires_lock_held_(x)
#define _Requires_lock_not_held_(x)
#define _Guarded_by_(x)
#define _Has_lock_level_(x)
#define _Struct_size_bytes_(n)
#define _Analysis_assume_(e)
#define __drv_allocatesMem(x)
#define __drv_freesMem(x)
#define __drv_strictTypeMatch(x)
#define __drv_maxIRQL(x)
#define __drv_requiresIRQL(x)
#define __drv_functionClass(x)
#define __drv_dispatchType(x)
#define _Ret_writes_maybenull_(n)
#define _Ret_writes_bytes_maybenull_(n)
#define _Inout_updates_opt_(n)
#define _Inout_updates_bytes_opt_(n)
#define _Out_writes_opt_(n)
#define _Out_writes_bytes_opt_(n)
#define _Out_writes_all_(n)
#define _Outptr_result_buffer_(n)
#define _Outptr_result_buffer_maybenull_(n)
#define _Analysis_mode_(x)
#define _Kernel_clear_do_init_(x)
#define _Prefast_operator_new_null_

// The older spellings are off unless asked for: libstdc++ uses some of them as parameter names.
#ifdef GPUDMAR_WDK_OLD_SAL
#define __in
#define __in_opt
#define __out
#define __out_opt
#define __inout
#define __inout_opt
#define __deref_out
#endif
