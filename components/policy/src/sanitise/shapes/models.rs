//! Rows of the table: families of language models and of what is built around them.
//!
//! Always true: only rows, each once; what a row's columns mean is said in `shapes`.

use super::super::bytes::Alphabet::{Alnum, HexLower, Url, UrlDot, Word};
use super::Check::Dotted;
use super::{Shape, checked, row, weak};

pub(super) static ROWS: &[Shape] = &[
    // Models.
    row("together_key", "tgp_v1_", Url, 40),
    row("wandb_key", "wandb_v1_", Word, 40),
    row("voiceflow_key", "VF.DM.", UrlDot, 40),
    row("voiceflow_key", "VF.WS.", UrlDot, 40),
    checked("voiceflow_key", "VF.", UrlDot, 41, 41, Dotted),
    weak("brave_key", "BSA", Url, 27),
    row("context7_key", "ctx7sk-", Url, 30),
    weak("openai_key", "sk-", Url, 20),
    row("openai_key", "sk-proj-", Url, 20),
    row("openai_key", "sk-svcacct-", Url, 20),
    row("openai_key", "sk-admin-", Url, 20),
    row("anthropic_key", "sk-ant-", Url, 20),
    row("openrouter_key", "sk-or-v1-", HexLower, 32),
    row("langsmith_key", "lsv2_", Word, 30),
    row("langsmith_key", "ls__", Alnum, 30),
    row("langfuse_key", "sk-lf-", Url, 30),
    row("huggingface_token", "hf_", Alnum, 28),
    row("huggingface_token", "api_org_", Alnum, 28),
    row("replicate_token", "r8_", Url, 30),
    row("groq_key", "gsk_", Alnum, 30),
    row("perplexity_key", "pplx-", Alnum, 30),
    row("xai_key", "xai-", Word, 40),
    weak("fireworks_key", "fw_", Alnum, 20),
    row("cerebras_key", "csk-", Alnum, 30),
    row("tavily_key", "tvly-", Url, 20),
    row("jina_key", "jina_", Word, 30),
    weak("voyage_key", "pa-", Url, 40),
    weak("elevenlabs_key", "sk_", HexLower, 40),
    row("nvidia_key", "nvapi-", Url, 40),
    row("pinecone_key", "pcsk_", Word, 40),
    weak("firecrawl_key", "fc-", HexLower, 32),
];
