"""What answers and their heads say over and over, for zlib to point at: a small answer is half as large with it.

Part of the format of entries: with another one, ``coding`` needs another version. What comes more often stands later.
"""

from __future__ import annotations

from typing import Final

WORDS: Final = (
    b'{"candidates":[{"content":{"parts":[{"text":"","thought":true,"thoughtSignature":""}],"role":"model"},'
    b'"finishReason":"STOP","index":0,"safetyRatings":[{"category":"HARM_CATEGORY_","probability":"NEGLIGIBLE"}],'
    b'"avgLogprobs":-0.}],"usageMetadata":{"promptTokenCount":,"candidatesTokenCount":,"totalTokenCount":,'
    b'"promptTokensDetails":[{"modality":"TEXT","tokenCount":}],"thoughtsTokenCount":,"cachedContentTokenCount":},'
    b'"modelVersion":"gemini-3-flash-pro-preview","responseId":"","createTime":""}gemini.generate'
    b'{"id":"resp_0","object":"response","created_at":17,"status":"completed","background":false,"error":null,'
    b'"incomplete_details":null,"instructions":null,"max_output_tokens":null,"max_tool_calls":null,"model":"",'
    b'"output":[{"id":"rs_0","type":"reasoning","summary":[]},{"id":"msg_0","type":"message","status":"completed",'
    b'"role":"assistant","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":""}]}],'
    b'"parallel_tool_calls":true,"previous_response_id":null,"prompt_cache_key":null,"prompt_cache_retention":null,'
    b'"reasoning":{"effort":"medium","summary":null},"safety_identifier":null,"service_tier":"default","store":false,'
    b'"temperature":1.0,"text":{"format":{"type":"text"},"verbosity":"medium"},"tool_choice":"auto","tools":[],'
    b'"top_logprobs":0,"top_p":1.0,"truncation":"disabled","usage":{"input_tokens":,"input_tokens_details":'
    b'{"cached_tokens":0},"output_tokens":,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":},"user":null,'
    b'"metadata":{}}openai.responses'
    b'{"model":"claude-opus-sonnet-haiku-4-5-2025","id":"msg_01","type":"message","role":"assistant","content":['
    b'{"type":"thinking","thinking":"","signature":""},{"type":"text","text":""}],"stop_reason":"end_turn",'
    b'"stop_sequence":null,"usage":{"input_tokens":,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,'
    b'"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":,'
    b'"service_tier":"standard"}}anthropic.messages'
    b" the  of  and  to  in  is  that  for  with  as  you  it ```python\\n\\n- **\\n\\n1. **\\n\\n### "
    b'{"id":"chatcmpl-","object":"chat.completion","created":17,"model":"gpt-5.1-mini-2025-11-","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":,"completion_tokens":,"total_tokens":,"prompt_tokens_details":{"cached_tokens":0,'
    b'"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,'
    b'"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default",'
    b'"system_fingerprint":"fp_"}'
    b"\xa8by_model\x91\xabcache_write\xb0cache_write_5m\xacservice_tier\xa8standard\xaacached_read\x00\xa9reasoning\x00"
    b"\xabopenai.chat\xa7gpt-5.1\xc4 \x86\xa5input\x0c\xa6output\x07\xaetotal_reported\xa5model\xa7gpt-5.1\xacservice_tier"
    b"\xa7default\xa8complete\xc3\xacusage_source\xa8reported\xc5"
)
